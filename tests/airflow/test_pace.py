import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

from windsock.airflow import pace


@pytest.fixture
def scheduler() -> Iterator[Any]:
    """A scheduler of Airflow's that was told to sleep a second, and has one executor without work."""
    assert pace.adapt(SchedulerJobRunner)
    executor = SimpleNamespace(running=set(), queued_tasks={}, team_name=None)
    job = SimpleNamespace(executors=[executor], job_type="")
    yield SchedulerJobRunner(job=job, executors=[executor], scheduler_idle_sleep_time=1.0)  # type: ignore[arg-type]
    del SchedulerJobRunner._scheduler_idle_sleep_time


def test_an_idle_scheduler_sleeps_as_configured(scheduler: Any) -> None:
    assert scheduler._scheduler_idle_sleep_time == 1.0


def test_one_with_work_in_hand_looks_often(scheduler: Any) -> None:
    scheduler.executor.running.add("a task")
    assert scheduler._scheduler_idle_sleep_time == pace.BUSY
    scheduler.executor.running.clear()
    scheduler.executor.queued_tasks["key"] = "a task"
    assert scheduler._scheduler_idle_sleep_time == pace.BUSY
    scheduler.executor.queued_tasks.clear()
    assert scheduler._scheduler_idle_sleep_time == 1.0


def test_a_shorter_pause_that_is_configured_stays(scheduler: Any) -> None:
    scheduler._scheduler_idle_sleep_time = 0.02
    scheduler.executor.running.add("a task")
    assert scheduler._scheduler_idle_sleep_time == 0.02


def test_adapting_twice_changes_nothing_more(scheduler: Any) -> None:
    first = vars(SchedulerJobRunner)["_scheduler_idle_sleep_time"]
    assert pace.adapt(SchedulerJobRunner)
    assert vars(SchedulerJobRunner)["_scheduler_idle_sleep_time"] is first


def test_another_shape_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    class Newer:
        def __init__(self) -> None:
            self.pause = 1.0

    with caplog.at_level(logging.INFO):
        assert not pace.adapt(Newer)
    assert "another shape" in caplog.text
    assert "_scheduler_idle_sleep_time" not in vars(Newer)
