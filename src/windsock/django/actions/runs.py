"""The only writers of workflow runs: request one here, mirror what is seen in Airflow."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from windsock.django.compiler import data_problems
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.django.models.keys import uuid7
from windsock.django.observed import DagRun
from windsock.django.relay import wake
from windsock.errors import InvalidParams, RunRefused
from windsock.run import AIRFLOW_RUN_STATES, FINISHED, Status

#: How the Dag run ids begin of runs that were requested here; the run's own id follows.
PREFIX = "windsock__"
#: Run types that nobody asked for. Source: Airflow 3.3, ``airflow.utils.types.DagRunType``.
_BY_ITSELF = frozenset({"scheduled", "backfill", "asset_triggered", "asset_materialization"})


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
        InvalidParams: there is no such param, or a value cannot be kept.
    """
    if workflow.retired_at is not None:
        raise RunRefused(f"{workflow.id} is retired.")
    if workflow.is_paused:
        raise RunRefused(f"{workflow.id} is paused.")
    newest = WorkflowVersion.objects.filter(workflow=workflow).order_by("-revision", "-id").first()
    if newest is None or newest.document is None:
        raise RunRefused(f"{workflow.id} was never published: {workflow.problem or 'it has no version'}")
    given = dict(params or {})
    known = newest.document.get("params", {})
    problems = [(f"params.{name}", "there is no such param") for name in given if name not in known]
    problems += data_problems("params", given)
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
    """Note that Airflow has taken the run."""
    WorkflowRun.objects.filter(pk=run.pk).update(next_send_at=None, message="")


def postpone(run: WorkflowRun, until: datetime, message: str) -> None:
    """Note why the run was not taken yet and when to ask again."""
    waiting = WorkflowRun.objects.filter(pk=run.pk, next_send_at__isnull=False)
    waiting.update(next_send_at=until, message=message)


def explain(run: WorkflowRun, message: str) -> None:
    """Note why the run was not sent yet; it stays due."""
    if run.message != message:
        WorkflowRun.objects.filter(pk=run.pk, next_send_at__isnull=False).update(message=message)


def refuse(run: WorkflowRun, message: str, status: Status = Status.FAILED) -> None:
    """End a run that Airflow will not take."""
    waiting = WorkflowRun.objects.filter(pk=run.pk, status=Status.PENDING, next_send_at__isnull=False)
    now = timezone.now()
    waiting.update(status=status, message=message, next_send_at=None, finished_at=now, updated_at=now)


def ensure(workflow: str, run_id: str, **fields: Any) -> tuple[WorkflowRun, bool]:
    """Return the row of a Dag run, locked, and whether it was just made, from ``fields``."""
    if run_id.startswith(PREFIX):
        with suppress(ValueError):
            fields["id"] = UUID(run_id.removeprefix(PREFIX))
    return WorkflowRun.objects.select_for_update(no_key=True).get_or_create(
        workflow_id=workflow, run_id=run_id, defaults=fields
    )


def origin_of(run_id: str, kind: str) -> WorkflowRun.Origin:
    """Return who began a run, from its Dag run id and Airflow's run type."""
    if run_id.startswith(PREFIX):
        return WorkflowRun.Origin.REQUEST
    return WorkflowRun.Origin.SCHEDULE if kind in _BY_ITSELF else WorkflowRun.Origin.AIRFLOW


def reopen(run: WorkflowRun, status: Status) -> None:
    """Take a finished run for running again: it was cleared in Airflow."""
    run.generation += 1
    run.finished_at = None
    run.status = WorkflowRun.Status(status)


def mirror(seen: DagRun) -> WorkflowRun | None:
    """Write down what a Dag run was seen to be.

    Returns:
        The run; None when its row was changed after Airflow was asked, so that this may be old news.
    """
    status = AIRFLOW_RUN_STATES.get(seen.state)
    if status is None:
        return None
    with transaction.atomic():
        origin = origin_of(seen.run_id, seen.kind)
        run, is_new = ensure(seen.workflow, seen.run_id)
        if run.updated_at >= seen.seen_at and not is_new:
            return None
        before = {name: getattr(run, name) for name in _MIRRORED}
        if run.status in FINISHED and status not in FINISHED:
            reopen(run, status)
        run.status = WorkflowRun.Status(status)
        run.started_at = seen.started_at or run.started_at
        run.finished_at = seen.finished_at if status in FINISHED else None
        run.revision = seen.revision if seen.revision is not None else run.revision
        run.origin = origin
        run.params, run.logical_date, run.next_send_at = dict(seen.params), seen.logical_date, None
        if any(getattr(run, name) != value for name, value in before.items()):
            run.save(update_fields=[*_MIRRORED, "updated_at"])
    return run


_MIRRORED = (
    "origin",
    "status",
    "generation",
    "started_at",
    "finished_at",
    "revision",
    "params",
    "logical_date",
    "next_send_at",
)


def task_of(run: WorkflowRun, step: str) -> str:
    """Return the task of a step as the run's version names it; empty when it is not known."""
    versions = WorkflowVersion.objects.filter(workflow=run.workflow_id, revision__isnull=False)
    if run.revision is not None:
        versions = versions.filter(revision__lte=run.revision)
    version = versions.filter(document__isnull=False).order_by("-revision").first()
    named = version.document.get("steps", []) if version and version.document else []
    return next((part["task"] for part in named if part["name"] == step), "")


def vanish(run: WorkflowRun) -> None:
    """End a run that was deleted in Airflow."""
    active = WorkflowRun.objects.filter(pk=run.pk, next_send_at=None).exclude(status__in=FINISHED)
    now = timezone.now()
    active.update(
        status=Status.CANCELLED, message="It was deleted in Airflow.", finished_at=now, updated_at=now
    )
