"""What the supervision of a step leaves behind, and how it answers Airflow."""

import os
import signal

import httpx
import pytest
from airflow.sdk.api.client import ServerResponseError
from airflow.sdk.execution_time import supervisor
from tests.airflow.coordinator.conftest import Bench


def descriptors() -> int:
    """How many are open; Airflow forbids its workers to read their own /proc, unless they are root."""
    return sum(is_open(number) for number in range(1024))


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_no_descriptor_is_left_in_the_worker(bench: Bench) -> None:
    bench.supervise("value")
    before = descriptors()
    for step in ("value", "boom", "skip", "kill_self"):
        bench.supervise(step)
    assert descriptors() == before


def test_a_short_step_needs_no_heartbeat(bench: Bench) -> None:
    def count() -> int:
        beats.append(1)
        return 204

    beats: list[int] = []
    bench.api.on_heartbeat = count
    bench.supervise("value")
    assert beats == []


def test_a_task_that_airflow_does_not_give_away_is_never_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(409, json={"detail": {"reason": "invalid_state", "previous_state": "success"}})

    monkeypatch.setattr(type(bench.api), "__call__", lambda api, request: refuse(request))
    before = descriptors()
    with pytest.raises(ServerResponseError):
        bench.supervise("value")
    assert not (bench.folder / "calls").exists()
    assert descriptors() <= before + 1  # the connection to the warm process was none before


def test_a_result_that_airflow_refuses_fails_the_step(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = type(bench.api).__call__

    def refuse(api: object, request: httpx.Request) -> httpx.Response:
        if "/xcoms/" in request.url.path:
            return httpx.Response(413, json={"detail": "too large"})
        return answer(bench.api, request)

    monkeypatch.setattr(type(bench.api), "__call__", refuse)
    bench.supervise("numbers")
    assert [state["state"] for state in bench.api.states] == ["failed"]
    assert any("Task failed" in line["event"] for line in bench.log())


def test_signal_handlers_of_the_worker_are_put_back(bench: Bench) -> None:
    before = [signal.getsignal(sig) for sig in (signal.SIGTERM, signal.SIGINT)]
    bench.supervise("value")
    assert [signal.getsignal(sig) for sig in (signal.SIGTERM, signal.SIGINT)] == before


def test_the_record_is_told_after_airflow_was(bench: Bench) -> None:
    bench.supervise("kill_self")
    assert bench.api.states[0]["state"] == "failed"
    assert bench.lost() is not None


def test_airflow_is_told_while_the_child_still_ends(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = type(bench.api).__call__

    def let_go(api: object, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/state"):
            (bench.folder / "hold").unlink()
        return answer(bench.api, request)

    monkeypatch.setattr(type(bench.api), "__call__", let_go)
    (bench.folder / "hold").touch()
    bench.supervise("numbers")

    assert [state["state"] for state in bench.api.states] == ["success"]
    assert [value for _, _, value in bench.api.pushed] == [[1, 2, 3]]
    assert bench.events("task.stdout") == ["let go"], "what it says after that is still read"
    assert bench.lost() is None


def test_a_child_that_does_not_end_after_its_outcome_is_ended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "TASK_OVERTIME_THRESHOLD", 0.0)
    (bench.folder / "hold").touch()
    bench.supervise("numbers")

    assert [state["state"] for state in bench.api.states] == ["success"]
    assert bench.events("task.stdout") == [], "it was never let go"
