"""Deleting what was kept long enough: small batches, each in a transaction of its own.

Old records are found by their time-ordered keys, so that no table is read as a whole.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from windsock.django.actions.tasks import alias
from windsock.django.models import ApiToken, IdempotencyKey, TaskRun, WorkflowRun
from windsock.django.models.keys import first_key
from windsock.run import Status

#: How long the answer to a request with ``Idempotency-Key`` is kept.
KEY_LIFETIME = timedelta(hours=24)
NOTHING = UUID(int=0)

_OLD = """
    SELECT id, finished_at < %s AND workflow_run_id IS NULL FROM windsock_taskrun
    WHERE status = %s AND id > %s AND id < %s ORDER BY id LIMIT %s
"""
_OLD_RUNS = """
    SELECT run.id, run.finished_at < %s AND NOT EXISTS (
        SELECT FROM windsock_taskrun step
        WHERE step.workflow_run_id = run.id AND step.status IN ('PENDING', 'PROCESSING')
    )
    FROM windsock_workflowrun run
    WHERE run.status = %s AND run.id > %s AND run.id < %s ORDER BY run.id LIMIT %s
"""
_STEPS = "SELECT id FROM windsock_taskrun WHERE workflow_run_id = ANY(%s) LIMIT %s"
_FORGET = "UPDATE windsock_taskrun SET retry_of_id = NULL WHERE retry_of_id = ANY(%s)"
_DELETE = "DELETE FROM windsock_taskrun WHERE id = ANY(%s) AND status NOT IN ('PENDING', 'PROCESSING')"
_DELETE_WAITERS = """
    DELETE FROM windsock_waiter
    WHERE record_id = ANY(%s) AND NOT EXISTS (SELECT FROM windsock_taskrun task WHERE task.id = record_id)
"""
_DELETE_RUNS = """
    DELETE FROM windsock_workflowrun run
    WHERE id = ANY(%s) AND status NOT IN ('PENDING', 'PROCESSING')
        AND NOT EXISTS (SELECT FROM windsock_taskrun step WHERE step.workflow_run_id = run.id)
"""
_CLEAR = """
    UPDATE windsock_taskrun SET result = NULL WHERE id = ANY(ARRAY(
        SELECT id FROM windsock_taskrun
        WHERE result_expires_at < statement_timestamp() AND result IS NOT NULL
        ORDER BY result_expires_at LIMIT %s FOR UPDATE SKIP LOCKED
    ))
"""


def old_tasks(status: Status, before: datetime, *, after: UUID, limit: int) -> tuple[list[UUID], UUID | None]:
    """Look at the next records of a finished status, oldest first.

    Args:
        status: a finished one.
        before: only those that were finished before it.
        after: key of the last one that was looked at; ``NOTHING`` at first.
        limit: how many to look at, > 0.

    Returns:
        Those that may go, and the last one that was looked at; None when there are no more. Steps of
        workflows are passed over: they go with their run.
    """
    return _page(_OLD, TaskRun, status, before, after=after, limit=limit)


def old_workflow_runs(
    status: Status, before: datetime, *, after: UUID, limit: int
) -> tuple[list[UUID], UUID | None]:
    """Do the same for runs of workflows, none of whose steps goes on."""
    return _page(_OLD_RUNS, WorkflowRun, status, before, after=after, limit=limit)


def _page(
    statement: str, model: Any, status: Status, before: datetime, *, after: UUID, limit: int
) -> tuple[list[UUID], UUID | None]:
    values = (before, status.value, after, first_key(before), limit)
    with connections[alias()].cursor() as cursor:
        cursor.execute(statement, values)
        rows = cursor.fetchall()
    return [key for key, may_go in rows if may_go], rows[-1][0] if len(rows) == limit else None


def delete_tasks(keys: Sequence[UUID]) -> int:
    """Delete finished records; a later try of one of them forgets which it was."""
    if not keys:
        return 0
    with transaction.atomic(using=alias()), connections[alias()].cursor() as cursor:
        cursor.execute(_FORGET, (list(keys),))
        # Not by way of the ORM, which would read every row first.
        cursor.execute(_DELETE, (list(keys),))
        gone = int(cursor.rowcount)
        cursor.execute(_DELETE_WAITERS, (list(keys),))
        return gone


def delete_steps(workflow_runs: Sequence[UUID], *, limit: int) -> int:
    """Delete some steps of runs that may go; 0 when none is left."""
    with connections[alias()].cursor() as cursor:
        cursor.execute(_STEPS, (list(workflow_runs), limit))
        keys = [key for (key,) in cursor.fetchall()]
    return delete_tasks(keys)


def delete_workflow_runs(keys: Sequence[UUID]) -> int:
    """Delete finished runs of workflows that have no steps any more."""
    if not keys:
        return 0
    with connections[alias()].cursor() as cursor:
        cursor.execute(_DELETE_RUNS, (list(keys),))
        return int(cursor.rowcount)


def clear_results(*, limit: int) -> int:
    """Forget results whose time is over; their records stay."""
    with connections[alias()].cursor() as cursor:
        cursor.execute(_CLEAR, (limit,))
        return int(cursor.rowcount)


def expired_results() -> QuerySet[TaskRun]:
    """Return the records whose results may be forgotten."""
    return TaskRun.objects.using(alias()).filter(result_expires_at__lt=Now(), result__isnull=False)


def old_keys() -> QuerySet[IdempotencyKey]:
    """Return the answers to repeated requests that are older than a day."""
    return IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEY_LIFETIME)


def expired_tokens() -> QuerySet[ApiToken]:
    """Return the API tokens that have expired."""
    return ApiToken.objects.filter(expires_at__lt=timezone.now())


def delete_some(rows: QuerySet[Any], *, limit: int) -> int:
    """Delete at most ``limit`` of rows that nothing refers to."""
    keys = list(rows.values_list("pk", flat=True)[:limit])
    return int(rows.model._default_manager.filter(pk__in=keys).delete()[0])
