"""Writing down what other Celery apps were seen to do; nothing here is promised to be complete.

A record is made when its message was sent, or when its task begins if nobody saw that. A finished one stays
as it is, also when its message is delivered again.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from windsock.django.actions.tasks import OBSERVED, alias
from windsock.django.events import announce
from windsock.django.models import TaskRun
from windsock.django.storable import clean_text
from windsock.run import FINISHED, Status

BACKEND = OBSERVED
MESSAGE_LIMIT, TRACEBACK_LIMIT = 10_000, 100_000  #: characters


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A task of another app, as its message or its worker shows it."""

    id: UUID
    task: str  #: its name in Celery, "shop.tasks.sync"
    queue: str = ""
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    owner: Any = None
    run_after: datetime | None = None
    max_attempts: int = 1


def is_observed(run: TaskRun) -> bool:
    """Whether ``run`` belongs to another app: nothing can be done to it here."""
    return run.backend == BACKEND


def published(seen: Seen) -> None:
    """Write down that a message was sent; one that is sent again for a retry changes nothing."""
    _insert(_record(seen))


def began(seen: Seen, *, attempt: int, worker: str) -> None:
    """Write down that a worker has begun an attempt, from 1."""
    now = timezone.now()
    changes: dict[str, Any] = {
        "status": Status.PROCESSING,
        "attempt": attempt,
        "worker": worker[:200],
        "max_attempts": seen.max_attempts,
    }
    if not _update(seen.id, **changes, started_at=Coalesce(F("started_at"), Now())):
        run = _record(seen)
        for name, value in {**changes, "started_at": now}.items():
            setattr(run, name, value)
        _insert(run)


def retried(run_id: UUID, *, exception: str, message: str, traceback: str) -> None:
    """Write down that an attempt failed and another one follows."""
    _update(run_id, status=Status.PENDING, **_texts(exception, message, traceback))


def ended(
    run_id: UUID,
    status: Status,
    *,
    result: Any = None,
    exception: str = "",
    message: str = "",
    traceback: str = "",
) -> None:
    """Write down the end; ``result`` is JSON data."""
    changes: dict[str, Any] = _texts(exception, message, traceback)
    if status is Status.DONE:
        changes["progress"] = 100
    if result is not None:
        changes["result"] = result
    _update(run_id, status=status, finished_at=Now(), **changes)


def _insert(run: TaskRun) -> None:
    TaskRun.objects.using(alias()).bulk_create([run], ignore_conflicts=True)
    transaction.on_commit(announce, using=alias())


def _update(run_id: UUID, **changes: Any) -> bool:
    """Change the record, unless it is finished or not there."""
    mine = TaskRun.objects.using(alias()).filter(pk=run_id, backend=BACKEND).exclude(status__in=FINISHED)
    changed = mine.update(updated_at=Now(), **changes)
    transaction.on_commit(announce, using=alias())
    return bool(changed)


def _texts(exception: str, message: str, traceback: str) -> dict[str, str]:
    return {
        "exception": exception[:300],
        "message": clean_text(message, limit=MESSAGE_LIMIT),
        "traceback": clean_text(traceback, limit=TRACEBACK_LIMIT),
    }


def _record(seen: Seen) -> TaskRun:
    return TaskRun(
        id=seen.id,
        task=seen.task[:500],
        name=seen.task.rpartition(".")[2][:200],
        backend=BACKEND,
        queue_name=(seen.queue or "celery")[:100],
        args=seen.args,
        kwargs=seen.kwargs,
        owner_id=seen.owner,
        run_after=seen.run_after,
        max_attempts=seen.max_attempts,
    )
