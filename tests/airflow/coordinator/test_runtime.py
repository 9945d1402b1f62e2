"""Steps run for real: Airflow's supervisor, the coordinator, a warm process, a forked child."""

import os
import signal
import sys
from pathlib import Path

import pytest
from tests.airflow.coordinator.conftest import PROJECT, Bench

from windsock.airflow.coordinator import DjangoCoordinator
from windsock.errors import EnvironmentNotFound
from windsock.testing.suite import is_running, wait_until

IDENTITY = {
    "workflow": "shop_daily",
    "revision": 7,
    "run_id": "r1",
    "map_index": -1,
    "attempt": 1,
}


def test_a_value_becomes_the_xcom_and_success(bench: Bench) -> None:
    assert bench.supervise("value") == 0
    [(step, _, value)] = bench.api.pushed
    assert step == "value"
    assert value["parent"] == bench.warm()
    assert [state["state"] for state in bench.api.states] == ["success"]


def test_the_step_sees_the_project_and_nothing_of_airflow(bench: Bench) -> None:
    bench.supervise("value")
    [(_, _, value)] = bench.api.pushed
    assert value["airflow"] is False
    assert value["names"] == []
    assert value["settings"] == bench.kwargs()["settings"]
    assert value["directory"] == str(PROJECT)


def test_the_call_says_which_attempt_of_which_step_and_what_it_may_use(bench: Bench) -> None:
    bench.api.conf = {"shop": 7}
    bench.api.xcoms = {"numbers": [1, 2, 3]}
    bench.supervise("boom", attempt=2)
    moment = "2026-01-02T06:00:00+00:00"
    assert bench.calls() == [
        IDENTITY
        | {
            "step": "boom",
            "attempt": 2,
            "first_attempt": 1,
            "version": 7,
            "logical_date": moment,
            "data_interval_start": moment,
            "data_interval_end": moment,
            "params": {"shop": 7, "mood": "good"},
            "results": {"numbers": [1, 2, 3]},
            "xcom_limit": 48 * 1024,
        }
    ]


def test_a_silent_step_leaves_no_empty_log(bench: Bench) -> None:
    bench.supervise("nothing")
    first, last = bench.log()[0]["event"], bench.log()[-1]["event"]
    assert first.startswith("Running shop.tasks.greet in process ")
    assert last == "The step succeeded"


def test_no_value_pushes_no_xcom(bench: Bench) -> None:
    bench.supervise("nothing")
    assert bench.api.pushed == []
    assert bench.api.states[0]["state"] == "success"


def test_a_failure_shows_its_traceback_and_fails(bench: Bench) -> None:
    bench.supervise("boom")
    [line] = [line for line in bench.log() if "Task failed" in line["event"]]
    assert line["level"] == "error"
    assert line["event"] == "Task failed: LookupError: no such shop: 7"
    last, cause = line["error_detail"]
    assert (last["exc_type"], last["frames"][-1]["name"]) == ("LookupError", "boom")
    assert (cause["exc_type"], cause["exc_value"]) == ("ValueError", "the deeper reason")
    assert [state["state"] for state in bench.api.states] == ["failed"]
    assert bench.lost() is None


def test_a_step_that_is_not_in_the_document_fails_and_says_so(bench: Bench) -> None:
    bench.supervise("unheard_of")
    assert [state["state"] for state in bench.api.states] == ["failed"]
    assert any("unheard_of" in line["event"] for line in bench.log())


def test_a_child_killed_by_a_signal_is_retried_and_its_record_ended(bench: Bench) -> None:
    bench.api.should_retry = True
    bench.supervise("kill_self")
    assert [state["state"] for state in bench.api.states] == ["up_for_retry"]
    assert bench.lost() == IDENTITY | {"step": "kill_self", "reason": "killed by SIGKILL", "output": ""}
    assert any("killed by SIGKILL" in line["event"] for line in bench.log())


@pytest.mark.parametrize("step", ["hang", "hang_deaf"])
def test_a_task_that_airflow_ended_is_killed_with_its_whole_group(bench: Bench, step: str) -> None:
    def refuse() -> int:
        wait_until(bench.hangs)
        return 409

    bench.api.on_heartbeat = refuse
    bench.supervise(step)
    bench.assert_gone()
    assert bench.api.states == []
    assert bench.lost() == IDENTITY | {"step": step, "reason": "ended by Airflow", "output": ""}
    assert is_running(bench.warm())


def test_a_warm_process_that_dies_loses_the_step_and_is_elected_again(bench: Bench) -> None:
    killed: list[int] = []

    def kill_warm() -> int:
        wait_until(bench.hangs)
        if not killed:
            killed.append(bench.warm())
            os.kill(killed[0], signal.SIGKILL)
        return 204

    bench.api.on_heartbeat = kill_warm
    bench.supervise("hang")
    bench.assert_gone()
    assert [state["state"] for state in bench.api.states] == ["failed"]
    reason = "the warm process went away"
    assert bench.lost() == IDENTITY | {"step": "hang", "reason": reason, "output": ""}
    assert bench.warm() not in killed


def test_a_failed_set_up_shows_its_own_traceback(bench: Bench) -> None:
    (bench.folder / "broken").touch()
    bench.api.should_retry = True
    bench.supervise("value")
    [line] = [line for line in bench.log() if "Task failed" in line["event"]]
    assert line["event"] == "Task failed: RuntimeError: the settings are broken"
    assert line["error_detail"][0]["frames"][-1]["name"] == "setup"
    assert [state["state"] for state in bench.api.states] == ["up_for_retry"]


def test_a_missing_interpreter_is_named_in_the_task_log(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = os.environ["AIRFLOW__SDK__COORDINATORS"]
    monkeypatch.setenv("AIRFLOW__SDK__COORDINATORS", configured.replace(sys.executable, "/nowhere/python"))
    bench.supervise("value")
    assert any("no Python interpreter at /nowhere/python" in line["event"] for line in bench.log())
    assert [state["state"] for state in bench.api.states] == ["failed"]


def test_an_answer_that_never_comes_is_not_taken_for_a_failure(bench: Bench) -> None:
    bench.api.lose = 100
    bench.api.should_retry = True
    assert bench.supervise("value") == 0
    assert {state["state"] for state in bench.api.states} == {"success"}


def test_two_workers_at_once_share_one_warm_process(bench: Bench) -> None:
    workers = [bench.fork("numbers") for _ in range(3)]
    assert [os.waitpid(pid, 0)[1] for pid in workers] == [0, 0, 0]
    assert len(bench.calls()) == 3
    first = bench.warm()
    bench.supervise("value")
    assert bench.api.pushed[0][2]["parent"] == first


@pytest.mark.parametrize("step", ["hang", "hang_deaf"])
def test_a_worker_that_is_told_to_end_takes_the_whole_group_with_it(bench: Bench, step: str) -> None:
    worker = bench.fork(step)
    wait_until(bench.hangs)
    os.kill(worker, signal.SIGTERM)
    os.waitpid(worker, 0)
    bench.assert_gone()


def test_a_killed_worker_leaves_nothing(bench: Bench) -> None:
    worker = bench.fork("hang_deaf")
    wait_until(bench.hangs)
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    bench.assert_gone()
    assert is_running(bench.warm())


def test_the_warm_process_outlives_the_step_and_holds_nothing_of_airflows(bench: Bench) -> None:
    bench.supervise("value")
    links = [os.readlink(link) for link in Path(f"/proc/{bench.warm()}/fd").iterdir()]
    assert not [link for link in links if "logs" in link]
    assert os.getsid(bench.warm()) == bench.warm()


def test_the_socket_lies_in_a_folder_that_only_this_user_can_enter(bench: Bench) -> None:
    warm = bench.coordinator().warm_process()
    assert warm.path.parent == bench.home / "windsock"
    assert warm.path.parent.stat().st_mode & 0o777 == 0o700


def test_an_environment_can_be_named_by_its_folder(tmp_path: Path) -> None:
    coordinator = DjangoCoordinator(directory=str(tmp_path), environment={"venv": str(tmp_path)})
    with pytest.raises(EnvironmentNotFound, match="is not a virtual environment"):
        coordinator.warm_process()
