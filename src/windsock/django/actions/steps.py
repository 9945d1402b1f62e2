"""The record of a workflow's steps, begun and ended by the step itself.

A step's record is unique by run, step, map index and generation; its retries are attempts of it. Clearing a
step in Airflow begins a new generation, so a finished record never goes back.
"""

from typing import Any

from django.db import connections, transaction
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from windsock.call import Failure, Outcome
from windsock.django.actions import mirroring, tasks
from windsock.django.actions.step_records import BEGUN, insert, latest_of, new_record
from windsock.django.events import announce
from windsock.django.events.announcing import told
from windsock.django.models import TaskRun, WorkflowRun
from windsock.django.relay.duty import WATCH_STATES, wake
from windsock.django.tasks import registered
from windsock.run import FINISHED, EventKind, Status, advance
from windsock.workflow import Step

Arguments = tuple[list[Any], dict[str, Any]]  #: positional ones, keywords
_STREAMS = "streams"


def begin(  # noqa: PLR0913
    run: WorkflowRun,
    step: Step,
    *,
    map_index: int,
    attempt: int,
    first_attempt: int | None = None,
    revision: int | None = None,
    arguments: Arguments | None = None,
    is_new: bool = False,
) -> TaskRun:
    """Claim the record for an attempt of a step; ``run`` must be locked.

    Args:
        run: its run.
        step: as the run's version has it.
        map_index: -1 for a step that is not mapped.
        attempt: from 1.
        first_attempt: since the step was cleared last; None: any attempt after an end may be a clearing's.
        revision: to which the run is pinned, if that is known.
        arguments: with which the step is called, if that is known.
        is_new: whether ``run`` was just made by ``open_run``.

    Returns:
        The record, PROCESSING. When this attempt has ended already, the finished record: the end was told to
        Airflow and got lost, and the step must not run a second time. A cancelled one when the run is to end.
    """
    latest = None if is_new else latest_of(run, step.name, map_index)
    if latest is not None and _is_over(latest, attempt, first_attempt):
        return latest
    if not _is_wanted(run, step):
        return _refuse(run, step, map_index, attempt, latest)
    run.revision = run.revision or revision
    if run.status in FINISHED:
        mirroring.reopen(run, Status.PROCESSING)
    run.status = WorkflowRun.Status.PROCESSING
    run.started_at = run.started_at or timezone.now()
    if latest is None or latest.status in FINISHED:
        run.generation = max(run.generation, latest.generation + 1 if latest else 0)
        started = {"status": Status.PROCESSING, "attempt": attempt, "started_at": timezone.now()}
        record = new_record(run, step, map_index, max_attempts=attempt + step.retry.limit, **started)
        _take(record, arguments)
        insert(record, _STREAMS, within=None if is_new else run)
    else:
        record = latest
        _claim(record, attempt, _take(record, arguments))
        run.save(update_fields=BEGUN)
        wake(_STREAMS)
    transaction.on_commit(announce, using=tasks.alias())
    return record


def _is_over(latest: TaskRun, attempt: int, first_attempt: int | None) -> bool:
    """Whether what the attempt is to do has an end already, of which Airflow did not hear."""
    if latest.status not in FINISHED:
        return False
    is_same = first_attempt is not None and latest.attempt >= first_attempt
    return attempt <= latest.attempt or (latest.status == Status.DONE and is_same)


def rendered(record: TaskRun, arguments: Arguments) -> None:
    """Keep the arguments with which the step is called, and which of them are never shown."""
    changes = _take(record, arguments)
    with transaction.atomic(using=tasks.alias()):
        flush_later()
        TaskRun.objects.filter(pk=record.pk, attempt=record.attempt).update(**changes)


def end(record: TaskRun, outcome: Outcome) -> bool:
    """Write what the attempt came to, with the output in ``record``; PENDING when Airflow will try again.

    Returns:
        False when the record has moved on meanwhile; then nothing was changed.
    """
    with told():
        if outcome.failure is not None and _is_cancelled(record):
            outcome = Outcome(failure=tasks.cancelled(outcome.failure.traceback))
        failure = outcome.failure
        if failure is None or not failure.retry or record.attempt >= record.max_attempts:
            return tasks.finish(record, outcome)
        with transaction.atomic(using=tasks.alias()):
            # The relay looks often at runs to which something happened lately. First, as where a step begins.
            WorkflowRun.objects.filter(steps=record).update(updated_at=Now())
            changed = _give_back(record, failure)
            transaction.on_commit(announce, using=tasks.alias())
            wake(WATCH_STATES)
    return changed


def flush_later() -> None:
    """Let the commit of this transaction not wait for the disk; that of the step's end does."""
    with connections[tasks.alias()].cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


def _take(record: TaskRun, arguments: Arguments | None) -> dict[str, Any]:
    """Have ``record`` show the arguments, if they are known; return what changes of it."""
    if arguments is None:
        return {}
    args, kwargs = arguments
    task = registered().get(record.task)
    changes = {"args": args, "kwargs": kwargs, "sensitive": task.hidden(args) if task else []}
    for name, value in changes.items():
        setattr(record, name, value)
    return changes


def _is_cancelled(record: TaskRun) -> bool:
    """Whether its run is being cancelled: Airflow kills the step then, which comes here as a failure."""
    runs = WorkflowRun.objects.filter(steps=record, cancel_requested_at__isnull=False)
    return runs.exists()


def _is_wanted(run: WorkflowRun, step: Step) -> bool:
    """Whether the step may begin; of a run that is being cancelled, only teardown steps do."""
    if mirroring.is_unwanted(run):
        return False
    return run.cancel_requested_at is None or run.status in FINISHED or step.teardown


def _refuse(run: WorkflowRun, step: Step, map_index: int, attempt: int, latest: TaskRun | None) -> TaskRun:
    """Return the record of an attempt that must not begin, CANCELLED."""
    mirroring.chase(run)
    record = latest
    if record is None or record.status in FINISHED:
        record = new_record(run, step, map_index, attempt=attempt)
        record.generation = max(run.generation, latest.generation + 1 if latest else 0)
    record.status = TaskRun.Status.CANCELLED
    record.attempt = attempt
    record.finished_at = timezone.now()
    record.message = tasks.cancelled().message
    record.save()
    return record


def _claim(record: TaskRun, attempt: int, changes: dict[str, Any]) -> None:
    """Take over from an earlier attempt, also from one that went away without an end."""
    columns = {"status": Status.PROCESSING, "attempt": attempt, "progress": 0}
    TaskRun.objects.filter(pk=record.pk).update(
        **columns, **changes, started_at=Coalesce("started_at", Now()), updated_at=Now()
    )
    for name, value in columns.items():
        setattr(record, name, value)


def _give_back(record: TaskRun, failure: Failure) -> bool:
    # Not actions.tasks.retry: the next attempt is Airflow's to send, never the relay's.
    mine = TaskRun.objects.filter(pk=record.pk, attempt=record.attempt, status=Status.PROCESSING)
    changed = mine.update(
        status=advance(Status.PROCESSING, EventKind.RETRIED),
        **tasks.texts_of(record, failure),
        output=record.output,
        progress=0,
        updated_at=Now(),
    )
    return bool(changed)
