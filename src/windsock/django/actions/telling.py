"""Telling those who want to know that a run has ended."""

import logging
from functools import partial

from django.db import transaction

from windsock.django import notifying
from windsock.django.actions.tasks import alias
from windsock.django.events import announce
from windsock.django.models import TaskRun, WorkflowRun
from windsock.django.signals import workflow_run_failed, workflow_run_finished
from windsock.django.tasks import Label, resolve
from windsock.errors import UnknownTask
from windsock.run import Status

logger = logging.getLogger(__name__)

MAIL = f"{notifying.__name__}.{notifying.mail_failure.__qualname__}"


def ended(run: WorkflowRun) -> None:
    """Send the signals after the commit, and enqueue the mail in the caller's own transaction.

    A failure is mailed once in each generation of the run.
    """
    transaction.on_commit(partial(_tell, run), using=alias(), robust=True)
    transaction.on_commit(announce, using=alias())
    if run.status == Status.FAILED and notifying.recipients(run):
        _mail(run)


def _tell(run: WorkflowRun) -> None:
    workflow_run_finished.send_robust(sender=WorkflowRun, run=run)
    if run.status == Status.FAILED:
        workflow_run_failed.send_robust(sender=WorkflowRun, run=run)


def _mail(run: WorkflowRun) -> None:
    about = {"related_table": WorkflowRun._meta.db_table, "related_id": str(run.pk)}
    call = {"run": str(run.pk), "generation": run.generation}
    if TaskRun.objects.using(alias()).filter(**about, task=MAIL, kwargs=call).exists():
        return
    try:
        task = resolve(MAIL)
    except UnknownTask:
        logger.warning("Nobody is mailed that %s failed: TASKS names no backend of Windsock.", run.run_id)
        return
    task.using(label=Label(name=f"Mail: {run.workflow_id} failed"[:200], **about)).enqueue(**call)
