import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing import connection
from multiprocessing.sharedctypes import RawArray
from typing import Any
from uuid import uuid4

import pytest
from airflow.executors.base_executor import BaseExecutor
from airflow.executors.workloads import ExecuteTask
from airflow.executors.workloads.task import TaskInstanceDTO
from airflow.models.taskinstancekey import TaskInstanceKey

from windsock.airflow.executor import LocalExecutor, _Noting

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def work(run: str, *, number: int = 1) -> ExecuteTask:
    ti = TaskInstanceDTO.model_construct(
        id=uuid4(),
        dag_id="shop",
        task_id="sync",
        run_id=run,
        try_number=number,
        map_index=-1,
        pool_slots=1,
        queue="default",
        priority_weight=1,
        executor_config={},
    )
    return ExecuteTask.model_construct(ti=ti, dag_rel_path="shop.py", token="", bundle_info=None)


def key(run: str) -> TaskInstanceKey:
    return TaskInstanceKey("shop", "sync", run, 1, -1)


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalExecutor]:
    """Two workers; a workload's run says what becomes of it."""

    def run_workload(workload: Any, **_: Any) -> None:
        if workload.ti.run_id.startswith("hang"):
            signal.pause()
        if workload.ti.run_id.startswith("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        if workload.ti.run_id.startswith("raise"):
            raise RuntimeError("no")

    monkeypatch.setattr(BaseExecutor, "run_workload", staticmethod(run_workload))
    executor = LocalExecutor(parallelism=2)
    executor.start()
    yield executor
    for worker in executor.workers.values():
        worker.kill()
    executor.end()


@pytest.fixture
def given(executor: LocalExecutor) -> Callable[..., None]:
    def give(*runs: str) -> None:
        workloads = [work(run) for run in runs]
        for workload in workloads:
            executor.queued_tasks[workload.key] = workload
        executor._process_workloads(workloads)

    return give


def wait_for(executor: LocalExecutor, expected: dict[str, str]) -> None:
    deadline = time.monotonic() + 30
    while ended(executor) != expected:
        assert time.monotonic() < deadline, ended(executor)
        connection.wait([worker.sentinel for worker in executor.workers.values()], timeout=0.05)


def ended(executor: LocalExecutor) -> dict[str, str]:
    executor.sync()
    return {key.run_id: str(state) for key, (state, _) in executor.event_buffer.items()}


def test_what_a_killed_worker_had_in_hand_has_failed(
    executor: LocalExecutor, given: Callable[..., None]
) -> None:
    given("die")
    wait_for(executor, {"die": "failed"})
    _, info = executor.event_buffer[key("die")]
    assert "died" in str(info)
    assert not executor._unfinished


def test_the_work_of_others_goes_on(executor: LocalExecutor, given: Callable[..., None]) -> None:
    given("hang", "die", "well", "die too", "raise")
    wait_for(executor, {"die": "failed", "well": "success", "die too": "failed", "raise": "failed"})
    assert list(executor._unfinished) == [key("hang")]


def test_a_worker_that_airflow_dropped_first_is_noticed_too(
    executor: LocalExecutor, given: Callable[..., None]
) -> None:
    given("die")
    connection.wait([worker.sentinel for worker in executor.workers.values()], timeout=30)
    executor._check_workers()  # type: ignore[no-untyped-call]
    assert len(executor.workers) == 1
    assert ended(executor) == {"die": "failed"}


def test_a_worker_that_waits_for_work_notes_nothing() -> None:
    """Another may have taken up since what it had: a task that was deferred keeps its id."""
    note, seen = RawArray("c", 64), []

    class Queue:
        def get(self) -> ExecuteTask:
            seen.append(note.value)
            return work("well")

    noting = _Noting(Queue(), note)  # type: ignore[arg-type]
    for _ in range(2):
        taken = noting.get()
        assert note.value.decode() == str(taken.ti.id)
    assert seen == [b"", b""]
