"""What all our backends share: the record comes first, then it is delivered."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.exceptions import ObjectDoesNotExist

from windsock.django import compat
from windsock.django.actions import enqueueing, tasks
from windsock.django.models import TaskRun
from windsock.django.results import result_of
from windsock.django.tasks import ArgsAndKwargs, TrackedTask, current_owner


class RecordingBackend(compat.BaseTaskBackend):
    """A backend whose results are the record."""

    task_class = TrackedTask  # type: ignore[assignment]
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def enqueue(self, task: "compat.Task[..., Any]", args: Any, kwargs: Any) -> "compat.TaskResult[Any]":
        """Write the record in the caller's transaction and have it delivered.

        A call that is unfinished already, by the task's ``unique_on``, is not enqueued again: its result is
        returned.
        """
        return self.enqueue_many(task, [(args, kwargs)])[0]

    def enqueue_many(
        self, task: "compat.Task[..., Any]", calls: Iterable[ArgsAndKwargs]
    ) -> "list[compat.TaskResult[Any]]":
        """Do the same for many calls with few statements and messages; all of them or none."""
        self.validate_task(task)
        if not isinstance(task, TrackedTask):
            raise compat.InvalidTask(f"{task.module_path} was declared for another backend.")
        written = enqueueing.write(task, calls, owner=current_owner())
        results = {run.pk: result_of(run, task) for run in written.new}
        for result in results.values():
            compat.task_enqueued.send(type(self), task_result=result)
        self.deliver_all(written.new)
        return [results.get(run.pk) or result_of(run) for run in written.runs]

    async def aenqueue_many(
        self, task: "compat.Task[..., Any]", calls: Iterable[ArgsAndKwargs]
    ) -> "list[compat.TaskResult[Any]]":
        """Do the same in async code."""
        return await sync_to_async(self.enqueue_many, thread_sensitive=True)(task, calls)

    def get_result(self, result_id: str) -> "compat.TaskResult[Any]":
        """Return the record as a result.

        Raises:
            TaskResultDoesNotExist: there is no such record.
        """
        try:
            return result_of(TaskRun.objects.using(tasks.alias()).get(pk=UUID(str(result_id))))
        except (ObjectDoesNotExist, ValueError):
            raise compat.TaskResultDoesNotExist(result_id) from None

    @abstractmethod
    def deliver(self, run: TaskRun) -> None:
        """Have ``run`` executed; it may be PENDING in a transaction that is still open."""

    def deliver_all(self, runs: Sequence[TaskRun]) -> None:
        """Have each of them executed."""
        for run in runs:
            self.deliver(run)
