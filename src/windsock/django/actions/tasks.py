"""Everything that changes the record of a task: conditional updates through the state machine.

Each update names the attempt and the status that its caller saw, so that whoever comes late changes nothing.
Leases are measured by the database's clock alone.
"""

from datetime import timedelta
from typing import Any

from django.db import connections, router
from django.db.models.functions import Now
from django.utils import timezone

from windsock.call import Failure, Outcome
from windsock.django.conf import settings
from windsock.django.models import TaskRun
from windsock.django.relay.duty import POLL, SEND_TASKS, wake
from windsock.django.storable import clean_text
from windsock.run import EventKind, Status, advance

_CLAIM = """
    UPDATE windsock_taskrun
    SET status = 'PROCESSING', attempt = attempt + 1, worker = %s, progress = 0, next_send_at = NULL,
        started_at = COALESCE(started_at, statement_timestamp()), updated_at = statement_timestamp(),
        lease_expires_at = statement_timestamp() + %s::interval
    WHERE id = %s AND status = 'PENDING' AND attempt = %s
        AND (run_after IS NULL OR run_after <= statement_timestamp())
    RETURNING *
"""
_RENEW = """
    UPDATE windsock_taskrun
    SET lease_expires_at = statement_timestamp() + %s::interval, progress = %s, related_id = %s,
        updated_at = statement_timestamp()
    WHERE id = %s AND status = 'PROCESSING' AND attempt = %s
    RETURNING cancel_requested_at IS NOT NULL
"""


def alias() -> str:
    """Return the database that holds the record."""
    return router.db_for_write(TaskRun)


def is_deferred(run: TaskRun) -> bool:
    """Whether a message of ``run`` is due later and was not sent yet."""
    return run.run_after is not None and run.next_send_at == run.run_after


def resend_after() -> timedelta:
    """Return how long a message may be on its way before it is sent again."""
    return timedelta(seconds=float(settings.RESEND_SECONDS))


def claim(run_id: Any, attempt: int, *, worker: str, lease: timedelta) -> TaskRun | None:
    """Take the record for its ``attempt``-th attempt; None when it is not there to be taken."""
    found = TaskRun.objects.using(alias()).raw(_CLAIM, (worker, lease, run_id, attempt - 1))
    return next(iter(found), None)


def renew(run: TaskRun, *, lease: timedelta | None, progress: int, related_id: str) -> bool | None:
    """Renew the lease of a running attempt and write its progress.

    Returns:
        Whether somebody asked to cancel it; None when the attempt is over or belongs to somebody else.
    """
    with connections[alias()].cursor() as cursor:
        values: tuple[Any, ...] = (lease, progress, related_id, run.pk, run.attempt)
        cursor.execute(_RENEW, values)
        row = cursor.fetchone()
    return None if row is None else bool(row[0])


def finish(run: TaskRun, outcome: Outcome) -> bool:
    """End the attempt that ``run`` holds; its ``progress`` and ``related_id`` are written along.

    Returns:
        False when the record has moved on meanwhile; then nothing was changed.
    """
    changes: dict[str, Any] = {
        "finished_at": timezone.now(),
        "lease_expires_at": None,
        "next_send_at": None,
        "related_id": run.related_id,
    }
    if outcome.failure is not None:
        changes |= _failure(outcome.failure) | {"progress": run.progress, "result": run.result}
        return _move(run, EventKind.FAILED, changes)
    if outcome.skipped:
        return _move(run, EventKind.SKIPPED, changes | {"message": clean_text(outcome.message)})
    cleared = {"exception": "", "message": "", "traceback": ""}
    return _move(run, EventKind.SUCCEEDED, changes | cleared | {"progress": 100, "result": outcome.value})


def retry(run: TaskRun, failure: Failure) -> bool:
    """Give the record back for its next attempt, ``retry_delay`` from now.

    A delayed attempt is left to the relay: ``next_send_at`` equals ``run_after`` until it was sent.
    """
    now = timezone.now()
    delayed = run.retry_delay > timedelta(0)
    due = now + run.retry_delay
    changes = _failure(failure) | {
        "progress": 0,
        "lease_expires_at": None,
        "run_after": due if delayed else run.run_after,
        "next_send_at": due if delayed else now + resend_after(),
    }
    moved = _move(run, EventKind.RETRIED, changes)
    if moved and delayed and run.retry_delay < POLL:
        wake(SEND_TASKS)
    return moved


def cancel(run: TaskRun) -> bool:
    """Cancel what waits at once; ask what runs to stop."""
    if run.status == Status.PROCESSING:
        running = TaskRun.objects.using(alias()).filter(pk=run.pk, status=Status.PROCESSING)
        return bool(running.update(cancel_requested_at=Now(), updated_at=Now()))
    return _move(run, EventKind.CANCELLED, {"finished_at": timezone.now(), "next_send_at": None})


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "exception": failure.exception[:300],
        "message": clean_text(failure.message),
        "traceback": clean_text(failure.traceback),
    }


def _move(run: TaskRun, event: EventKind, changes: dict[str, Any]) -> bool:
    status = advance(Status(run.status), event)
    if status == run.status:
        return False
    seen = TaskRun.objects.using(alias()).filter(pk=run.pk, attempt=run.attempt, status=run.status)
    if not seen.update(**changes, status=status, updated_at=Now()):
        return False
    for name, value in {**changes, "status": status}.items():
        setattr(run, name, value)
    return True
