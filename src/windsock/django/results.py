"""The record as Django's ``TaskResult``."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from windsock.django import compat
from windsock.django.models import TaskRun
from windsock.django.sensitive import masked, masked_args
from windsock.django.tasks import TrackedTask, load
from windsock.errors import Cancelled
from windsock.run import DJANGO_STATUSES, Status

if TYPE_CHECKING:
    AnyResult = compat.TaskResult[Any]
else:
    AnyResult = compat.TaskResult  # generic in the backport only


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class TrackedResult(AnyResult):
    """A result that does not give away sensitive arguments when it is printed."""

    hidden: tuple[str | int, ...] = field(default=(), compare=False)  #: see ``TaskRun.sensitive``

    def __repr__(self) -> str:
        args, kwargs = masked_args(self.args, self.hidden), masked(self.kwargs, self.hidden)
        return (
            f"{type(self).__name__}(task={self.task.module_path!r}, id={self.id!r}, "
            f"status={str(self.status)!r}, args={args!r}, kwargs={kwargs!r}, backend={self.backend!r}, "
            f"attempts={self.attempts})"
        )


def result_of(run: TaskRun, task: TrackedTask | None = None) -> "compat.TaskResult[Any]":
    """Return ``run`` as Django's task framework shows it.

    Only the newest attempt's error and worker are kept, so ``errors`` has at most one entry; ``attempts``
    is the true number.

    Args:
        run: the record.
        task: what was enqueued; by default what is registered, with the record's options.

    Raises:
        UnknownTask: the task's module is gone or does not register it any more.
    """
    task = task or load(run.task).using(
        priority=run.priority, queue_name=run.queue_name, backend=run.backend, run_after=run.run_after
    )
    status = Status(run.status)
    result = TrackedResult(
        task=task,
        id=str(run.id),
        status=compat.TaskResultStatus(DJANGO_STATUSES[status]),
        enqueued_at=run.created_at,
        started_at=run.started_at,
        last_attempted_at=run.started_at,
        finished_at=run.finished_at,
        args=run.args,
        kwargs=run.kwargs,
        backend=run.backend,
        errors=_errors(run, status),
        worker_ids=[run.worker] * run.attempt,
        hidden=tuple(run.sensitive),
    )
    if status is Status.DONE:
        object.__setattr__(result, "_return_value", run.result)
    return result


def _errors(run: TaskRun, status: Status) -> "list[compat.TaskError]":
    if status is Status.CANCELLED:
        path = f"{Cancelled.__module__}.{Cancelled.__qualname__}"
        return [compat.TaskError(exception_class_path=path, traceback=run.traceback)]
    if not run.exception:
        return []
    return [compat.TaskError(exception_class_path=run.exception, traceback=run.traceback)]
