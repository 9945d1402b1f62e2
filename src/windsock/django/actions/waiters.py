"""Records that somebody waits for in Airflow: enqueued once by the waiter's id, cancelled when it gave up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from windsock.django import compat
from windsock.django.actions import enqueueing, tasks
from windsock.django.actions.tasks import alias
from windsock.django.models import TaskRun, Waiter
from windsock.django.signalling import tell
from windsock.django.tasks import TrackedTask

BATCH = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """A try of a task instance in Airflow."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    try_number: int = 1


def enqueue_once(  # noqa: PLR0913 -- what a waiter says of its call
    id: UUID,
    task: TrackedTask,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    owner: Any = None,
    instance: Instance | None = None,
    patience: timedelta | None = None,
) -> tuple[TaskRun, bool]:
    """Write a record under a given key and have it delivered, unless there is one already.

    Args:
        id: of the record.
        task: what to run, with its options.
        args: JSON data.
        kwargs: JSON data.
        owner: primary key of the user to whom it belongs.
        instance: who waits.
        patience: how long it waits, > 0; then the relay cancels the record. None: as long as it takes.

    Returns:
        The record, and whether it is new. With ``unique_on`` it may be the one that the same call has.

    Raises:
        TypeError: JSON cannot hold an argument.
        ValueError: PostgreSQL cannot keep it.
    """
    records = TaskRun.objects.using(alias())
    if known := records.filter(pk=id).first():
        return known, False
    try:
        with transaction.atomic(using=alias()):
            written = enqueueing.write(task, [(args, kwargs)], owner=owner, key=lambda: id)
            for run in written.new:
                _wait_for(run, instance, patience)
                tell(compat.task_enqueued, run)
                task.get_backend().deliver(run)  # type: ignore[attr-defined]
    except IntegrityError:
        # Another request with this id was quicker.
        known = records.filter(pk=id).first()
        if known is None:
            raise
        return known, False
    return written.runs[0], bool(written.new)


def cancel_expired() -> int:
    """Cancel records whose waiters have given up; return how many were looked at, at most a batch."""
    waiters = Waiter.objects.using(alias()).filter(expires_at__lte=Now()).order_by("expires_at")[:BATCH]
    keys = [waiter.pk for waiter in waiters]
    for run in TaskRun.objects.using(alias()).filter(pk__in=keys):
        tasks.cancel(run)
    Waiter.objects.using(alias()).filter(pk__in=keys).update(expires_at=None)
    return len(keys)


def next_expiry() -> datetime | None:
    """Return when the next waiter gives up."""
    waiters = Waiter.objects.using(alias()).filter(expires_at__isnull=False).order_by("expires_at")
    return waiters.values_list("expires_at", flat=True).first()


def _wait_for(run: TaskRun, instance: Instance | None, patience: timedelta | None) -> None:
    if instance is None and patience is None:
        return
    who = {name: getattr(instance, name, default) for name, default in _NOBODY.items()}
    expires_at = None if patience is None else timezone.now() + patience
    Waiter.objects.using(alias()).create(record=run, expires_at=expires_at, **who)


_NOBODY = {"dag_id": "", "run_id": "", "task_id": "", "map_index": -1, "try_number": 1}
