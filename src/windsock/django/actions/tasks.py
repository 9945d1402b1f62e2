"""Everything that changes the record of a task: conditional updates through the state machine.

Each update names the attempt and the status that its caller saw, so that whoever comes late changes nothing.
Leases are measured by the database's clock alone.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import connections, router, transaction

from windsock.call import Failure, Outcome
from windsock.django import compat
from windsock.django.actions import statements as sql
from windsock.django.conf import settings
from windsock.django.events import announce
from windsock.django.models import TaskRun
from windsock.django.prepared import fetch_one
from windsock.django.relay.duty import CHANNEL, END_LOST, POLL, SEND_TASKS, WATCH_STATES, wake
from windsock.django.sensitive import scrub
from windsock.django.signalling import tell
from windsock.django.storable import clean_text
from windsock.errors import Cancelled, TimedOut
from windsock.run import EventKind, Status, advance

OBSERVED = "celery"  #: the ``backend`` of what other Celery apps do
LONGEST_DELAY = timedelta(days=1)  #: between two attempts
JITTER = 0.15  #: how far a delay is moved, of its length
MESSAGE_LIMIT, TRACEBACK_LIMIT = 10_000, 100_000  #: characters
CANCELLED = f"{Cancelled.__module__}.{Cancelled.__qualname__}"
TIMED_OUT = f"{TimedOut.__module__}.{TimedOut.__qualname__}"


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
    using = alias()
    row = fetch_one(using, sql.CLAIM, (worker, lease, run_id, attempt - 1))
    if row is None:
        return None
    transaction.on_commit(announce, using=using)
    return _read(using, row)


def _read(using: str, row: Sequence[Any]) -> TaskRun:
    values = list(row)
    for place, field in sql.CONVERTED:
        values[place] = field.from_db_value(values[place], None, connections[using])
    return TaskRun.from_db(using, sql.NAMES, values)


@dataclass(slots=True, kw_only=True)
class Following:
    """The attempt that a worker does next, which ``finish`` claims along with the end of another one.

    Attributes:
        run_id: key of a record other than the one that ends.
        attempt: from 1.
        worker: as for ``claim``.
        lease: likewise.
        run: the record, once it is claimed; without it, it is left to ``claim``.
        in_doubt: whether a claim was sent whose answer did not come.
    """

    run_id: str
    attempt: int
    worker: str
    lease: timedelta
    run: TaskRun | None = None
    in_doubt: bool = False


def claimed(run_id: Any, attempt: int, *, worker: str) -> TaskRun | None:
    """Return the record while ``worker`` has this attempt of it."""
    runs = TaskRun.objects.using(alias()).processing()
    return runs.filter(pk=run_id, attempt=attempt, worker=worker).first()


def renew(run: TaskRun, *, lease: timedelta | None, progress: int, related_id: str) -> bool | None:
    """Renew the lease of a running attempt and write its progress.

    Returns:
        Whether somebody asked to cancel it; None when the attempt is over or belongs to somebody else.
    """
    row = fetch_one(alias(), sql.RENEW, (lease, progress, related_id, run.pk, run.attempt))
    transaction.on_commit(announce, using=alias())
    return _answer(row)


def look(run: TaskRun) -> bool | None:
    """Write nothing, and return what ``renew`` does."""
    return _answer(fetch_one(alias(), sql.LOOK, (run.pk, run.attempt)))


def _answer(row: tuple[Any, ...] | None) -> bool | None:
    return None if row is None else bool(row[0])


def finish(run: TaskRun, outcome: Outcome, following: Following | None = None) -> bool:
    """End the attempt that ``run`` holds; its ``progress``, ``related_id`` and ``output`` are written along.

    A failure that is ``errors.Cancelled`` ends it as CANCELLED.

    Args:
        run: what ``claim`` returned, or the record of a step: then its run is touched, and the relay told.
        outcome: what the attempt has come to.
        following: what is claimed in the same statement, whether this attempt is still there or not.

    Returns:
        False when the record has moved on meanwhile; then nothing was changed.
    """
    changes: dict[str, Any] = {"exception": "", "message": "", "traceback": ""}
    if outcome.failure is not None:
        event = EventKind.CANCELLED if outcome.failure.exception == CANCELLED else EventKind.FAILED
        changes |= texts_of(run, outcome.failure) | {"progress": run.progress, "result": run.result}
    elif outcome.skipped:
        event = EventKind.SKIPPED
        changes |= {"progress": run.progress, "result": run.result, "message": clean_text(outcome.message)}
    else:
        event = EventKind.SUCCEEDED
        changes |= {"progress": 100, "result": outcome.value}
    status = advance(Status(run.status), event)
    if status == run.status:
        return False
    result = None if changes["result"] is None else json.dumps(changes["result"])
    values = (status.value, changes["progress"], result, run.related_id)
    return _written(
        run,
        _end(run, (*values, *_texts(changes), run.output, run.pk, run.attempt, run.status), following),
        ("finished_at", "result_expires_at"),
        changes | {"status": status.value, "lease_expires_at": None, "next_send_at": None},
    )


def _end(run: TaskRun, values: Sequence[Any], following: Following | None) -> Sequence[Any] | None:
    if run.workflow_run_id is not None:
        told = (run.workflow_run_id, *values, CHANNEL, WATCH_STATES)
        row = fetch_one(alias(), sql.END_STEP, told, once=True)
        return row[:2] if row and row[0] is not None else None
    if following is None:
        return fetch_one(alias(), sql.END, values)
    in_doubt, following.in_doubt = following.in_doubt, True
    free, wanted = following.run_id, (following.worker, following.lease, following.run_id)
    row = fetch_one(alias(), sql.END_AND_CLAIM, (*values, free, *wanted, following.attempt - 1))
    following.in_doubt = in_doubt
    ended, claimed = (row[:2], row[2:]) if row else ((None, None), (None,))
    following.run = None if claimed[0] is None else _read(alias(), claimed)
    return None if ended[0] is None else ended


def retry(run: TaskRun, failure: Failure) -> bool:
    """Give the record back for its next attempt, after a delay that doubles with each attempt.

    A delayed attempt is left to the relay: ``next_send_at`` equals ``run_after`` until it was sent.

    Returns:
        False when the record has moved on meanwhile or is to be cancelled; then nothing was changed.
    """
    status = advance(Status(run.status), EventKind.RETRIED)
    if status == run.status:
        return False
    delay = _delay(run)
    changes = texts_of(run, failure) | {"progress": 0}
    due = (delay or None, delay or resend_after())
    moved = _written(
        run,
        fetch_one(
            alias(), sql.RETRY, (status.value, *_texts(changes), *due, run.pk, run.attempt, run.status)
        ),
        ("run_after", "next_send_at"),
        changes | {"status": status.value, "lease_expires_at": None},
    )
    if moved and timedelta(0) < delay < POLL:
        wake(SEND_TASKS)
    return moved


def _delay(run: TaskRun) -> timedelta:
    # Both are capped before, since a timedelta holds no more than a billion days.
    doublings = min(run.attempt - 1, 29)
    delay: timedelta = min(run.retry_delay, LONGEST_DELAY) * 2**doublings
    return min(LONGEST_DELAY, delay * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311


def cancel(run: TaskRun) -> bool:
    """Cancel what waits at once; ask what runs to stop.

    Returns:
        False when it was finished already, or is only observed here; then nothing was changed.
    """
    if run.backend == OBSERVED:
        return False
    names = ("status", "finished_at", "cancel_requested_at")
    if not _written(run, fetch_one(alias(), sql.CANCEL, (run.pk,)), names, {"next_send_at": None}):
        return False
    if run.status == Status.CANCELLED:
        transaction.on_commit(partial(tell, compat.task_finished, run), using=alias())
    return True


def give_up(run: TaskRun, failure: Failure | None = None) -> bool:
    """Leave the end of a running attempt to the relay, and have it come at once.

    Args:
        run: the record with the attempt.
        failure: ``out_of_time(run)`` when that is why.

    Returns:
        False when the attempt is over or belongs to somebody else; then nothing was changed.
    """
    texts = (failure.exception, failure.message) if failure else (run.exception, run.message)
    return fetch_one(alias(), sql.GIVE_UP, (*texts, run.pk, run.attempt, CHANNEL, END_LOST)) is not None


def release(worker: str) -> bool:
    """Give up whatever a worker holds that is known to be dead; return whether there was anything."""
    return fetch_one(alias(), sql.RELEASE, (worker, CHANNEL, END_LOST)) is not None


def out_of_time(run: TaskRun, traceback: str = "") -> Failure:
    """Return what the attempt that ``run`` holds has failed with when its time is over."""
    message = f"Attempt {run.attempt} ran into its time limit of {run.timeout}."
    return Failure(exception=TIMED_OUT, message=message, traceback=traceback)


def cancelled(traceback: str = "") -> Failure:
    """Return what a cancelled attempt has failed with."""
    return Failure(exception=CANCELLED, message=Cancelled.__doc__ or "", traceback=traceback, retry=False)


def texts_of(run: TaskRun, failure: Failure) -> dict[str, Any]:
    """Return the columns that tell of a failure, as they may be shown."""
    return {
        "exception": failure.exception[:300],
        "message": clean_text(scrub(run, failure.message), limit=MESSAGE_LIMIT),
        "traceback": clean_text(scrub(run, failure.traceback), limit=TRACEBACK_LIMIT),
    }


def _texts(changes: dict[str, Any]) -> tuple[str, str, str]:
    return changes["exception"], changes["message"], changes["traceback"]


def _written(
    run: TaskRun, row: Sequence[Any] | None, returned: Sequence[str], changes: dict[str, Any]
) -> bool:
    """Have ``run`` show what was written, if anything was."""
    if row is None:
        return False
    transaction.on_commit(announce, using=alias())
    for name, value in {**changes, **dict(zip(returned, row, strict=True))}.items():
        setattr(run, name, value)
    return True
