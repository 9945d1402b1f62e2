"""Runs that are requested here, until Airflow has them; see ``mirroring`` for the rest of their life."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from windsock.django import params as run_params
from windsock.django.actions import telling
from windsock.django.actions.mirroring import PREFIX, chase
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.django.models.keys import uuid7
from windsock.django.relay import wake
from windsock.errors import InvalidParams, RunRefused
from windsock.run import Status


def request(workflow: Workflow, params: Mapping[str, Any] | None = None, *, user: Any = None) -> WorkflowRun:
    """Ask for a run of the newest definition; the relay starts it in Airflow once that is live there.

    What Airflow would accept in silence is refused: params that the workflow does not have, a run of a paused
    workflow.

    Args:
        workflow: what to run.
        params: JSON data by param name; the others have their defaults.
        user: who asks.

    Raises:
        RunRefused: the workflow is retired, paused, or was never sound.
        InvalidParams: there is no such param, a needed one is missing, or a value does not fit its schema.
    """
    if workflow.retired_at is not None:
        raise RunRefused(f"{workflow.id} is retired.")
    if workflow.is_paused:
        raise RunRefused(f"{workflow.id} is paused.")
    versions = WorkflowVersion.objects.filter(workflow=workflow, refusal="")
    newest = versions.order_by("-revision", "-id").first()
    if newest is None or newest.document is None:
        raise RunRefused(f"{workflow.id} was never published: {workflow.problem or 'it has no version'}")
    given = dict(params or {})
    problems = run_params.problems(newest.document, given)
    if problems:
        raise InvalidParams(tuple(problems))
    id = uuid7()
    with transaction.atomic():
        run = WorkflowRun.objects.create(
            id=id,
            workflow=workflow,
            run_id=f"{PREFIX}{id}",
            params=given,
            requested_by=user,
            next_send_at=timezone.now(),
        )
        wake("runs")
    return run


def sent(run: WorkflowRun) -> None:
    """Note that Airflow has taken the run; one that was cancelled meanwhile is to be ended there."""
    wanted = WorkflowRun.objects.filter(pk=run.pk, cancel_requested_at=None)
    if not wanted.update(next_send_at=None, message=""):
        with transaction.atomic():
            chase(WorkflowRun.objects.select_for_update(no_key=True).get(pk=run.pk))


def postpone(run: WorkflowRun, until: datetime, message: str) -> None:
    """Note why the run was not taken yet and when to ask again."""
    _waiting(run).update(next_send_at=until, message=message)


def explain(run: WorkflowRun, message: str) -> None:
    """Note why the run was not sent yet; it stays due."""
    if run.message != message:
        _waiting(run).update(message=message)


def refuse(run: WorkflowRun, message: str, status: Status = Status.FAILED) -> None:
    """End a run that Airflow will not take."""
    now = timezone.now()
    with transaction.atomic():
        end = {"status": status, "finished_at": now, "updated_at": now}
        if _waiting(run).update(**end, message=message, next_send_at=None):
            run.refresh_from_db()
            telling.ended(run)


def _waiting(run: WorkflowRun) -> QuerySet[WorkflowRun]:
    waiting = WorkflowRun.objects.filter(pk=run.pk, status=Status.PENDING, cancel_requested_at=None)
    return waiting.filter(next_send_at__isnull=False)
