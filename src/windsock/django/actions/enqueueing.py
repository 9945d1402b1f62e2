"""Writing down what was asked for: the record comes first, in the caller's transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from windsock.django import compat
from windsock.django.actions.inserting import BATCH, Row, as_record, insert, unfinished
from windsock.django.actions.tasks import alias, resend_after
from windsock.django.events import announce
from windsock.django.models import TaskRun
from windsock.django.models.keys import uuid7
from windsock.django.relay.duty import POLL, SEND_TASKS, wake
from windsock.django.signalling import tell
from windsock.django.tasks import ArgsAndKwargs, TrackedTask
from windsock.errors import WrongStatus
from windsock.run import FINISHED, Status

#: What a repeated call has in common with the first one.
_SAME = (
    *("task", "name", "backend", "queue_name", "priority", "takes_context", "args", "kwargs", "input_data"),
    *("sensitive", "unique_key", "max_attempts", "retry_delay", "timeout", "result_ttl"),
    *("operation", "related_table", "related_id"),
)


class Written(NamedTuple):
    """What became of calls."""

    runs: list[TaskRun]  #: of each call its record, in order
    new: list[TaskRun]  #: those that were inserted; the others were waiting or running already


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

    Returns:
        The record; with ``unique_on`` it may be the one that the same call has already.

    Raises:
        TypeError: JSON cannot hold an argument.
        ValueError: PostgreSQL cannot keep it.
    """
    return write(task, [(args, kwargs)], owner=owner, retry_of=retry_of).runs[0]


def create_many(task: TrackedTask, calls: Iterable[ArgsAndKwargs], *, owner: Any = None) -> list[TaskRun]:
    """Insert a PENDING record for each call, or none when one is refused; see ``create``."""
    return write(task, calls, owner=owner).runs


def write(
    task: TrackedTask,
    calls: Iterable[ArgsAndKwargs],
    *,
    owner: Any = None,
    retry_of: TaskRun | None = None,
    key: Callable[[], UUID] = uuid7,
) -> Written:
    """Do what ``create_many`` does, and tell which records have to be delivered; ``key`` gives their ids."""
    now = timezone.now()
    shared = {
        "task": task.module_path,
        "name": task.label.name or task.name,
        "backend": task.backend,
        "queue_name": task.queue_name,
        "priority": task.priority,
        "takes_context": task.takes_context,
        "input_data": task.label.input_data,
        "max_attempts": task.retries + 1,
        "retry_delay": task.retry_delay,
        "timeout": task.timeout,
        "result_ttl": task.result_ttl,
        "owner_id": owner,
        "operation": task.label.operation,
        "related_table": task.label.related_table,
        "related_id": task.label.related_id,
        "retry_of_id": retry_of and retry_of.pk,
        **_times(task.run_after, now),
    }
    return _write([{**shared, "id": key(), **_call(task, args, kwargs)} for args, kwargs in calls])


def repeat(run: TaskRun, *, owner: Any) -> TaskRun:
    """Start the same call with the same options again, as a new record that is delivered.

    Args:
        run: a record that ended and is not DONE.
        owner: primary key of the user to whom the new one belongs.

    Returns:
        The new record; with ``unique_on`` it may be the one that the same call has already.

    Raises:
        WrongStatus: ``run`` is not finished, is DONE, or is a step of a workflow.
    """
    if run.status not in FINISHED or run.status == Status.DONE:
        raise WrongStatus
    if run.workflow_run_id is not None:
        raise WrongStatus("A step of a workflow is not repeated alone: run the workflow again.")
    if run.backend not in compat.task_backends:
        raise WrongStatus(f"TASKS names no backend {run.backend!r}, so it cannot be started here.")
    backend: Any = compat.task_backends[run.backend]
    row = {name: getattr(run, name) for name in _SAME} | _times(None, timezone.now())
    written = _write([{**row, "id": uuid7(), "owner_id": owner, "retry_of_id": run.pk}])
    for new in written.new:
        tell(compat.task_enqueued, new)
        backend.deliver(new)
    return written.runs[0]


def _times(run_after: datetime | None, now: datetime) -> dict[str, Any]:
    is_deferred = run_after is not None and run_after > now
    next_send_at = run_after if is_deferred else now + resend_after()
    return {"created_at": now, "updated_at": now, "run_after": run_after, "next_send_at": next_send_at}


def _call(task: TrackedTask, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "args": compat.normalize_json(list(args)),
        "kwargs": compat.normalize_json(dict(kwargs)),
        "sensitive": task.hidden(args),
        "unique_key": task.unique_key(args, kwargs),
    }


def _write(rows: list[Row]) -> Written:
    if not rows:
        return Written([], [])
    using = alias()
    # One statement is its own transaction; several have to be one.
    several = transaction.atomic(using=using) if len(rows) > BATCH else nullcontext()
    with several:
        runs, new = _insert(rows, using)
        first = rows[0]
        due, now = first["run_after"], first["created_at"]
        if new and due is not None and due == first["next_send_at"] and due - now < POLL:
            wake(SEND_TASKS)
        if new:
            transaction.on_commit(announce, using=using)
    return Written([runs[row["id"]] for row in rows], new)


def _insert(rows: list[Row], using: str) -> tuple[dict[Any, TaskRun], list[TaskRun]]:
    runs: dict[Any, TaskRun] = {}
    new: list[TaskRun] = []
    left = rows
    while left:
        inserted = insert(left, using=using)
        fresh = {row["id"]: as_record(row, using=using) for row in left if row["id"] in inserted}
        runs |= fresh
        new += fresh.values()
        left = [row for row in left if row["id"] not in inserted]
        if not left:
            break
        # What stood in the way may have finished by now; then it is tried again.
        there = unfinished([row["unique_key"] for row in left], using=using)
        there |= {str(run.unique_key): run for run in new}
        runs |= {row["id"]: there[row["unique_key"]] for row in left if row["unique_key"] in there}
        left = [row for row in left if row["unique_key"] not in there]
    return runs, new
