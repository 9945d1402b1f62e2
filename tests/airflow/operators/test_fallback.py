"""What becomes of a step that no coordinator takes."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.sdk.execution_time.timeout import timeout
from structlog.testing import capture_logs
from tests.airflow.coordinator.conftest import Bench, benched

from windsock.airflow.operators import StepOperator
from windsock.errors import EnvironmentNotFound
from windsock.testing.suite import wait_until

RUN = SimpleNamespace(logical_date=None, data_interval_start=None, data_interval_end=None, conf={"shop": 7})


@pytest.fixture
def bench(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with benched(airflow_home, monkeypatch) as bench:
        yield bench


def execute(step: str, **xcoms: Any) -> Any:
    ti = SimpleNamespace(
        dag_id="shop_daily",
        run_id="r1",
        task_id=step,
        map_index=-1,
        try_number=1,
        max_tries=0,
        bundle_instance=SimpleNamespace(name="windsock", version="7"),
        xcom_pull=lambda task_ids, **_: xcoms.get(task_ids),
    )
    operator = StepOperator(task_id=step, queue="windsock")
    previous = signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
    try:
        return operator.execute({"ti": ti, "dag_run": RUN})
    finally:
        signal.signal(signal.SIGTERM, previous)


def test_without_a_coordinator_the_step_names_the_settings_that_are_missing() -> None:
    with pytest.raises(AirflowException) as caught:
        StepOperator(task_id="sync", queue="billing").execute({})
    assert "[sdk] coordinators" in str(caught.value)
    assert '[sdk] queue_to_coordinator to {"billing": "windsock"}' in str(caught.value)
    assert "[windsock] directory, environment and settings" in str(caught.value)


def test_a_step_that_no_coordinator_took_runs_all_the_same(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as said:
        assert execute("value")["parent"] == bench.warm()
    assert [line["log_level"] for line in said if "No coordinator takes tasks" in line["event"]] == [
        "warning"
    ]
    assert ("shop.tasks", 30, "logged by the step") in caplog.record_tuples


def test_it_is_asked_for_what_a_coordinator_would_ask_for(bench: Bench) -> None:
    with pytest.raises(AirflowException):
        execute("boom", numbers=[1, 2])
    told = bench.calls()[0]
    bench.api.conf, bench.api.xcoms = {"shop": 7}, {"numbers": [1, 2]}
    bench.supervise("boom")
    asked = bench.calls()[1]
    dates = {"logical_date", "data_interval_start", "data_interval_end", "first_attempt"}
    assert {key: told[key] for key in told if key not in dates} == {
        key: asked[key] for key in asked if key not in dates
    }
    assert told.keys() == asked.keys()


def test_no_value_is_none(bench: Bench) -> None:
    assert execute("nothing") is None


def test_a_failure_shows_the_projects_own_traceback(bench: Bench) -> None:
    with (
        capture_logs() as said,
        pytest.raises(AirflowException, match=r"^LookupError: no such shop: 7$"),
    ):
        execute("boom")
    [failure] = [line for line in said if line["event"].startswith("Task failed")]
    assert [stack["exc_value"] for stack in failure["error_detail"]] == [
        "no such shop: 7",
        "the deeper reason",
    ]
    assert bench.lost() is None


def test_a_skip_skips_and_a_final_failure_is_final(bench: Bench) -> None:
    with pytest.raises(AirflowSkipException, match="nothing to do"):
        execute("skip")
    with pytest.raises(AirflowFailException, match="no use"):
        execute("give_up")


def test_the_record_of_a_step_that_died_is_ended(bench: Bench) -> None:
    with pytest.raises(AirflowException, match="killed by SIGKILL"):
        execute("kill_self")
    lost = bench.lost()
    assert lost is not None
    assert "killed by SIGKILL" in lost["reason"]


def test_airflows_time_limit_ends_the_whole_group(bench: Bench) -> None:
    with pytest.raises(BaseException, match="Timeout"), timeout(2):
        execute("hang_limited")
    bench.assert_gone()
    lost = bench.lost()
    assert lost is not None
    assert lost["reason"] == "time limit of 1.5 s"


def test_a_task_that_airflow_ends_takes_the_whole_group_with_it(bench: Bench) -> None:
    def end() -> None:
        wait_until(bench.hangs)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=end)
    thread.start()
    with pytest.raises(AirflowException, match="Airflow ended the step"):
        execute("hang")
    thread.join()
    bench.assert_gone()
    lost = bench.lost()
    assert lost is not None
    assert lost["reason"] == "ended by Airflow"


def test_a_project_that_is_not_on_this_host_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__SDK__QUEUE_TO_COORDINATOR", "{}")
    monkeypatch.setenv("AIRFLOW__WINDSOCK__DIRECTORY", "/nowhere")
    monkeypatch.setenv("AIRFLOW__WINDSOCK__ENVIRONMENT", '{"venv": "/nowhere/.venv"}')
    with pytest.raises(EnvironmentNotFound, match=r"/nowhere/\.venv"):
        execute("value")
