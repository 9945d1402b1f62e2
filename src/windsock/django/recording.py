"""What all our backends share: the record comes first, then it is delivered."""

from abc import abstractmethod
from typing import Any
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist

from windsock.django import compat
from windsock.django.actions import enqueueing, tasks
from windsock.django.models import TaskRun
from windsock.django.results import result_of
from windsock.django.tasks import TrackedTask, current_owner


class RecordingBackend(compat.BaseTaskBackend):
    """A backend whose results are the record."""

    task_class = TrackedTask  # type: ignore[assignment]
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def enqueue(self, task: "compat.Task[..., Any]", args: Any, kwargs: Any) -> "compat.TaskResult[Any]":
        """Write the record in the caller's transaction and have it delivered."""
        self.validate_task(task)
        if not isinstance(task, TrackedTask):
            raise compat.InvalidTask(f"{task.module_path} was declared for another backend.")
        run = enqueueing.create(task, args, kwargs, owner=current_owner())
        result = result_of(run, task)
        compat.task_enqueued.send(type(self), task_result=result)
        self.deliver(run)
        return result

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
