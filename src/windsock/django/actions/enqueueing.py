"""Writing down what was asked for: the record comes first, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from windsock.django.actions.tasks import alias, resend_after
from windsock.django.compat import normalize_json
from windsock.django.models import TaskRun
from windsock.django.relay.duty import POLL, SEND_TASKS, wake
from windsock.django.tasks import TrackedTask


def create(
    task: TrackedTask,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    owner: Any = None,
    retry_of: TaskRun | None = None,
) -> TaskRun:
    """Insert a PENDING record in the caller's transaction.

    Args:
        task: what to run, with its options.
        args: JSON data.
        kwargs: JSON data.
        owner: primary key of the user who asked for it.
        retry_of: the record that a person retries.

    Raises:
        TypeError: JSON cannot hold an argument.
    """
    now = timezone.now()
    deferred = task.run_after is not None and task.run_after > now
    run = TaskRun(
        task=task.module_path,
        name=task.label.name or task.name,
        backend=task.backend,
        queue_name=task.queue_name,
        priority=task.priority,
        takes_context=task.takes_context,
        args=normalize_json(list(args)),
        kwargs=normalize_json(dict(kwargs)),
        input_data=task.label.input_data,
        max_attempts=task.retries + 1,
        retry_delay=task.retry_delay,
        timeout=task.timeout,
        owner_id=owner,
        operation=task.label.operation,
        related_table=task.label.related_table,
        related_id=task.label.related_id,
        retry_of=retry_of,
        run_after=task.run_after,
        next_send_at=task.run_after if deferred else now + resend_after(),
    )
    run.save(force_insert=True, using=alias())
    if deferred and task.run_after and task.run_after - now < POLL:
        wake(SEND_TASKS)
    return run
