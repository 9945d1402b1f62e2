"""The records of steps, put right by what Airflow shows."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from windsock.django.actions import mirroring, tasks
from windsock.django.actions.step_records import latest_of, new_record
from windsock.django.events import announce
from windsock.django.models import TaskRun, WorkflowRun
from windsock.django.observed import TaskInstance
from windsock.run import AIRFLOW_TASK_STATES, FINISHED, EventKind, Status, advance
from windsock.workflow import Step

#: Airflow's states of a finished record to which nobody did anything there.
_TOLD: dict[Status, frozenset[str | None]] = {
    Status.DONE: frozenset({"success"}),
    Status.FAILED: frozenset({"failed"}),
    Status.SKIPPED: frozenset({"skipped", "upstream_failed"}),
    Status.CANCELLED: frozenset({"failed", "skipped", "upstream_failed", "removed"}),
}


def reconcile(run: WorkflowRun, instances: Iterable[TaskInstance]) -> None:
    """Add the steps that never ran here, and end the records of those that Airflow ended by itself.

    A finished step that somebody marked in Airflow gets a new record.
    """
    with transaction.atomic():
        locked = WorkflowRun.objects.select_for_update(no_key=True).get(pk=run.pk)
        for instance in instances:
            status = _status_of(locked, instance)
            if status not in FINISHED:
                continue
            latest = latest_of(locked, instance.step, instance.map_index)
            if latest is None or _is_news(locked, latest, instance):
                _add(locked, instance, status, latest)
            elif latest.status not in FINISHED:
                _close(latest, instance, status)
        transaction.on_commit(announce, using=tasks.alias())


def _status_of(run: WorkflowRun, instance: TaskInstance) -> Status:
    """Return what Airflow's state means; what a cancellation ends looks there as if it failed."""
    status = AIRFLOW_TASK_STATES.get(instance.state, Status.PENDING)
    is_cancelled = run.status == Status.CANCELLED or run.cancel_requested_at is not None
    return Status.CANCELLED if is_cancelled and instance.state in {"failed", "skipped"} else status


def _is_news(run: WorkflowRun, latest: TaskRun, instance: TaskInstance) -> bool:
    """Whether the step was marked in Airflow, or was cleared and then ended without running."""
    if latest.status not in FINISHED or instance.attempt < latest.attempt:
        return False
    if instance.state not in _TOLD[Status(latest.status)]:
        return True
    ended: datetime | None = instance.finished_at
    return (
        latest.generation < run.generation
        and AIRFLOW_TASK_STATES.get(instance.state) in {Status.SKIPPED, Status.CANCELLED}
        and ended is not None
        and latest.finished_at is not None
        and ended > latest.finished_at
    )


def _add(run: WorkflowRun, instance: TaskInstance, status: Status, latest: TaskRun | None) -> None:
    step = Step(name=instance.step, task=mirroring.task_of(run, instance.step))
    record = new_record(run, step, instance.map_index, status=status, attempt=instance.attempt)
    record.generation = max(run.generation, latest.generation + 1 if latest else 0)
    record.started_at = instance.started_at if instance.attempt else None
    record.finished_at = instance.finished_at or timezone.now()
    record.message = _told(instance)
    record.progress = 100 if status is Status.DONE else 0
    record.save(force_insert=True)


def _close(record: TaskRun, instance: TaskInstance, status: Status) -> None:
    event = {
        Status.DONE: EventKind.SUCCEEDED if record.status == Status.PROCESSING else EventKind.SKIPPED,
        Status.FAILED: EventKind.FAILED,
        Status.SKIPPED: EventKind.SKIPPED,
        Status.CANCELLED: EventKind.CANCELLED,
    }[status]
    unchanged = TaskRun.objects.filter(pk=record.pk, status=record.status, attempt=record.attempt)
    unchanged.update(
        status=advance(Status(record.status), event),
        finished_at=instance.finished_at or timezone.now(),
        message=record.message or _told(instance),
        updated_at=Now(),
    )


def _told(instance: TaskInstance) -> str:
    return f"Airflow set it to {instance.state}."
