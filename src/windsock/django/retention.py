"""How long things are kept, and the way through what is older.

Finished records go ``RETENTION_DAYS`` after their end, runs of workflows together with their steps. Results
go when their own time is over, answers to repeated requests after a day, API tokens when they have expired;
for these three ``RETENTION_DAYS`` does not matter.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from windsock.django.actions import retention
from windsock.django.conf import settings
from windsock.run import FINISHED, Status

BATCH = 1000
RUNS_SHARE = 10  #: runs of workflows come in batches this much smaller, since their steps come along
TASKS, RUNS, RESULTS = "task records", "workflow runs with their steps", "expired results"
KEYS, TOKENS = "idempotency keys", "expired API tokens"
_ENDS = tuple(sorted(FINISHED))


def keep_for() -> timedelta | None:
    """Return how long finished records are kept; None: for ever."""
    days = float(settings.RETENTION_DAYS)
    return timedelta(days=days) if days > 0 else None


def prune(*, keep: timedelta | None = None, batch: int = BATCH, dry_run: bool = False) -> Counter[str]:
    """Delete what was kept long enough and return how many of each kind there were.

    Args:
        keep: how long finished records are kept; None: as the settings say.
        batch: rows of one transaction, > 0.
        dry_run: count only.
    """
    found: Counter[str] = Counter()
    for kind, number in batches(keep=keep or keep_for(), batch=batch, dry_run=dry_run):
        found[kind] += number
    return found


def batches(
    *, keep: timedelta | None, batch: int = BATCH, dry_run: bool = False
) -> Iterator[tuple[str, int]]:
    """Prune batch by batch; between two of them no transaction is open and the caller may pause.

    Args:
        keep: how long finished records are kept; None: for ever.
        batch: rows of one transaction, > 0.
        dry_run: count only.

    Yields:
        A kind of row and how many were deleted, perhaps none.
    """
    if dry_run:
        yield RESULTS, retention.expired_results().count()
    else:
        yield from _repeated(RESULTS, batch)
    yield from _rows(KEYS, retention.old_keys(), batch, dry_run)
    yield from _rows(TOKENS, retention.expired_tokens(), batch, dry_run)
    if keep is not None:
        before = timezone.now() - keep
        for status in _ENDS:
            yield from _tasks(status, before, batch, dry_run)
        for status in _ENDS:
            yield from _runs(status, before, batch, dry_run)


def _repeated(kind: str, batch: int) -> Iterator[tuple[str, int]]:
    number = batch
    while number == batch:
        number = retention.clear_results(limit=batch)
        yield kind, number


def _rows(kind: str, rows: QuerySet[Any], batch: int, dry_run: bool) -> Iterator[tuple[str, int]]:
    if dry_run:
        yield kind, rows.count()
        return
    number = batch
    while number == batch:
        number = retention.delete_some(rows, limit=batch)
        yield kind, number


def _tasks(status: Status, before: datetime, batch: int, dry_run: bool) -> Iterator[tuple[str, int]]:
    last: UUID | None = retention.NOTHING
    while last is not None:
        keys, last = retention.old_tasks(status, before, after=last, limit=batch)
        yield TASKS, len(keys) if dry_run else retention.delete_tasks(keys)


def _runs(status: Status, before: datetime, batch: int, dry_run: bool) -> Iterator[tuple[str, int]]:
    last: UUID | None = retention.NOTHING
    while last is not None:
        limit = max(1, batch // RUNS_SHARE)
        keys, last = retention.old_workflow_runs(status, before, after=last, limit=limit)
        if dry_run:
            yield RUNS, len(keys)
            continue
        while keys and retention.delete_steps(keys, limit=batch):
            yield RUNS, 0
        yield RUNS, retention.delete_workflow_runs(keys)
