"""What people ask for that Airflow has to carry out: pauses and cancellations.

Both are written down at once, also while Airflow is away; the relay carries them out.
"""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from windsock.django.actions import telling
from windsock.django.events import announce
from windsock.django.models import Workflow, WorkflowRun
from windsock.django.relay import wake
from windsock.errors import WrongStatus
from windsock.run import FINISHED, Status

BEFORE_IT_BEGAN = "It was cancelled before it began."


def pause(workflow: Workflow) -> None:
    """Let no run begin, and freeze those that are active: Airflow begins none of their steps meanwhile.

    Raises:
        WrongStatus: the workflow is retired.
    """
    if workflow.retired_at is not None:
        raise WrongStatus(f"{workflow.id} is retired.")
    _set_paused(workflow, True)


def unpause(workflow: Workflow) -> None:
    """Let runs begin and go on; also those of a workflow that was retired while it was paused."""
    _set_paused(workflow, False)


def pause_delivered(workflow: Workflow) -> None:
    """Note that Airflow was told; a newer wish stays due."""
    due = Workflow.objects.filter(pk=workflow.pk, pause_due_at=workflow.pause_due_at)
    due.update(pause_due_at=None)


def pause_postponed(workflow: Workflow, until: datetime) -> None:
    """Note when to tell Airflow again; a newer wish stays due."""
    due = Workflow.objects.filter(pk=workflow.pk, pause_due_at=workflow.pause_due_at)
    due.update(pause_due_at=until)


def pauses_seen(paused: Collection[str]) -> int:
    """Write down which workflows were seen paused in Airflow; what Airflow was not told yet stays.

    Args:
        paused: the names of all paused DAGs.

    Returns:
        How many workflows were paused or unpaused there.
    """
    known = Workflow.objects.filter(pause_due_at=None)
    now = timezone.now()
    changed = known.filter(id__in=paused, is_paused=False).update(is_paused=True, updated_at=now)
    changed += known.exclude(id__in=paused).filter(is_paused=True).update(is_paused=False, updated_at=now)
    if changed:
        transaction.on_commit(announce)
    return changed


def cancel(run: WorkflowRun) -> None:
    """End a run: at once while Airflow does not have it, else as soon as Airflow has ended its steps.

    Raises:
        WrongStatus: it has ended, or is being cancelled already.
    """
    with transaction.atomic():
        found = WorkflowRun.objects.select_for_update(no_key=True).get(pk=run.pk)
        if found.status in FINISHED:
            raise WrongStatus(f"It has ended already ({found.status}).")
        if found.cancel_requested_at is not None:
            raise WrongStatus("It is being cancelled already.")
        now = found.cancel_requested_at = timezone.now()
        if found.next_send_at is None:
            found.next_send_at = now
            wake("cancels")
        else:
            found.status, found.finished_at = WorkflowRun.Status.CANCELLED, now
            found.next_send_at, found.message = None, BEFORE_IT_BEGAN
            telling.ended(found)
        found.save()
        transaction.on_commit(announce)
    for field in WorkflowRun._meta.concrete_fields:
        setattr(run, field.attname, getattr(found, field.attname))


def cancel_delivered(run: WorkflowRun) -> None:
    """Note that Airflow ends the run; how, is mirrored."""
    WorkflowRun.objects.filter(pk=run.pk, cancel_requested_at__isnull=False).update(next_send_at=None)


def cancel_postponed(run: WorkflowRun, until: datetime, message: str) -> None:
    """Note why Airflow was not told, and when to try again."""
    due = WorkflowRun.objects.filter(pk=run.pk, next_send_at=run.next_send_at)
    due.update(next_send_at=until, message=message)


def cancel_in_vain(run: WorkflowRun) -> None:
    """End a run that Airflow does not have any more."""
    now = timezone.now()
    with transaction.atomic():
        due = WorkflowRun.objects.filter(pk=run.pk, cancel_requested_at__isnull=False)
        due.update(next_send_at=None)
        end = {"status": Status.CANCELLED, "finished_at": now, "updated_at": now}
        if due.exclude(status__in=FINISHED).update(**end, message="Airflow does not have it any more."):
            run.refresh_from_db()
            telling.ended(run)


def marked(run: WorkflowRun) -> None:
    """Forget that a run was cancelled: somebody says how it counts."""
    WorkflowRun.objects.filter(pk=run.pk).update(cancel_requested_at=None, next_send_at=None)


def _set_paused(workflow: Workflow, is_paused: bool) -> None:
    now = timezone.now()
    with transaction.atomic():
        mine = Workflow.objects.filter(pk=workflow.pk)
        mine.update(is_paused=is_paused, pause_due_at=now, updated_at=now)
        wake("pauses")
        transaction.on_commit(announce)
    workflow.is_paused, workflow.pause_due_at = is_paused, now
