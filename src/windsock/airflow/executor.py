"""Airflow's LocalExecutor, which notices at once that one of its workers was killed.

Airflow 3.3's own replaces the worker and forgets what it had in hand: the task instance stays running until
its heartbeats have been missing for ``[scheduler] task_instance_heartbeat_timeout``, five minutes. Here the
scheduler hears of a failed try, as it hears of one from Celery's workers.

Source: Airflow 3.3.2, ``executors/local_executor.py``: ``_check_workers``;
``jobs/scheduler_job_runner.py``: ``process_executor_events``.
"""

import logging
import multiprocessing
from multiprocessing.sharedctypes import RawArray
from typing import Any

from airflow.executors import local_executor

log = logging.getLogger(__name__)

_LENGTH = 64  #: bytes of a task instance's id, and more


class LocalExecutor(local_executor.LocalExecutor):
    """``[core] executor = windsock.airflow.executor.LocalExecutor``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._notes: dict[int, Any] = {}  # worker's process id -> id of the task instance that it took last
        self._unfinished: dict[Any, str] = {}  # key -> id of a task instance

    def sync(self) -> None:
        """Read results, and fail what a worker had in hand that has died; Airflow calls it often."""
        # In this order: what a worker that has died had told is there to be read.
        dead = [pid for pid in self._notes if not self._is_alive(pid)]
        self._read_results()  # type: ignore[no-untyped-call]
        for pid in dead:
            self._give_up(pid)
        super().sync()

    def change_state(self, key: Any, state: Any, info: Any = None, remove_running: bool = True) -> None:
        """Note an end; Airflow's own does the rest."""
        if str(state) in ("success", "failed"):
            self._unfinished.pop(key, None)
        super().change_state(key, state, info, remove_running)

    def _process_workloads(self, workload_list: Any) -> None:
        for workload in workload_list:
            if identity := _identity(workload):
                self._unfinished[workload.key] = identity
        super()._process_workloads(workload_list)  # type: ignore[no-untyped-call]

    def _spawn_worker(self) -> None:
        note = RawArray("c", _LENGTH)
        queue, before = self.activity_queue, set(self.workers)
        self.activity_queue = _Noting(queue, note)  # type: ignore[assignment]
        try:
            super()._spawn_worker()  # type: ignore[no-untyped-call]
        finally:
            self.activity_queue = queue
        for pid in self.workers.keys() - before:
            self._notes[pid] = note

    def _is_alive(self, pid: int) -> bool:
        worker = self.workers.get(pid)  # Airflow drops one that has died, maybe just after a look
        return worker is not None and bool(worker.is_alive())

    def _give_up(self, pid: int) -> None:
        note = self._notes.pop(pid, None)
        held = note.value.decode() if note is not None else ""
        for key, identity in list(self._unfinished.items()):
            if identity == held:
                log.error("The worker with process id %d died with %s in hand", pid, key)
                self.fail(key, info=f"the executor's worker with process id {pid} died")


class _Noting:
    """The workers' queue, where each notes what it takes. No lock: a killed worker could not give it back."""

    def __init__(self, queue: "multiprocessing.SimpleQueue[Any]", note: Any) -> None:
        self._queue = queue
        self._note = note

    def get(self) -> Any:
        # What it had is done; a task that goes on after a deferral has the same id in another worker's hands.
        self._note.value = b""
        workload = self._queue.get()
        self._note.value = _identity(workload).encode()
        return workload


def _identity(workload: Any) -> str:
    """Return the id of the workload's task instance; empty for other work."""
    return str(getattr(getattr(workload, "ti", None), "id", ""))[: _LENGTH - 1]
