"""Runs as they are in Airflow, written down here."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from windsock.django.actions import telling
from windsock.django.history import version_of
from windsock.django.models import WorkflowRun
from windsock.django.models.keys import uuid7
from windsock.django.observed import DagRun
from windsock.django.relay import wake
from windsock.run import AIRFLOW_RUN_STATES, FINISHED, Status

#: How the Dag run ids begin of runs that were requested here; the run's own id follows.
PREFIX = "windsock__"
#: Who begins runs of a type. Source: Airflow 3.3, ``airflow.utils.types.DagRunType``.
_ORIGINS: Mapping[str, WorkflowRun.Origin] = {
    "backfill": WorkflowRun.Origin.BACKFILL,
    "scheduled": WorkflowRun.Origin.SCHEDULE,
    "asset_triggered": WorkflowRun.Origin.SCHEDULE,
    "asset_materialization": WorkflowRun.Origin.SCHEDULE,
}
_MIRRORED = (
    *("origin", "status", "generation", "started_at", "finished_at", "revision"),
    *("params", "logical_date", "next_send_at", "cancel_requested_at", "message"),
)


def origin_of(run_id: str, kind: str) -> WorkflowRun.Origin:
    """Return who began a run, from its Dag run id and Airflow's run type."""
    if run_id.startswith(PREFIX):
        return WorkflowRun.Origin.REQUEST
    return _ORIGINS.get(kind, WorkflowRun.Origin.AIRFLOW)


def key_of(run_id: str) -> UUID:
    """Return the key for the row of a Dag run: of one that was requested here it is part of its id."""
    if run_id.startswith(PREFIX):
        with suppress(ValueError):
            return UUID(run_id.removeprefix(PREFIX))
    return uuid7()


def ensure(workflow: str, run_id: str, **fields: Any) -> tuple[WorkflowRun, bool]:
    """Return the row of a Dag run, locked, and whether it was just made, from ``fields``."""
    return WorkflowRun.objects.select_for_update(no_key=True).get_or_create(
        workflow_id=workflow, run_id=run_id, defaults={"id": key_of(run_id), **fields}
    )


def reopen(run: WorkflowRun, status: Status) -> None:
    """Take a finished run for running again: it was cleared in Airflow."""
    run.generation += 1
    run.finished_at = None
    run.cancel_requested_at = None
    run.message = ""
    run.status = WorkflowRun.Status(status)


def is_unwanted(run: WorkflowRun) -> bool:
    """Whether the run was cancelled before Airflow was known to have it, or a cancellation is on its way."""
    if run.cancel_requested_at is None or run.status != Status.CANCELLED:
        return False
    return run.revision is None or run.next_send_at is not None


def chase(run: WorkflowRun) -> None:
    """Have a run ended in Airflow that was cancelled before Airflow got it; ``run`` must be locked."""
    if is_unwanted(run) and run.next_send_at is None:
        run.next_send_at = timezone.now()
        run.save(update_fields=["next_send_at"])
        wake("cancels")


def mirror(seen: DagRun) -> WorkflowRun | None:
    """Write down what a Dag run was seen to be, and tell who listens when it has ended.

    Returns:
        The run; None when its row was changed after Airflow was asked, so that this may be old news.
    """
    status = AIRFLOW_RUN_STATES.get(seen.state)
    if status is None:
        return None
    with transaction.atomic():
        run, is_new = ensure(seen.workflow, seen.run_id)
        if run.updated_at >= seen.seen_at and not is_new:
            return None
        if status not in FINISHED and is_unwanted(run):
            chase(run)
            return None
        before = {name: getattr(run, name) for name in _MIRRORED}
        _take(run, seen, status)
        if any(getattr(run, name) != value for name, value in before.items()):
            run.save(update_fields=[*_MIRRORED, "updated_at"])
            if run.status in FINISHED and (is_new or run.status != before["status"]):
                telling.ended(run)
    return run


def _take(run: WorkflowRun, seen: DagRun, status: Status) -> None:
    if status in FINISHED:
        status = _end(run, status)
    elif run.status in FINISHED:
        reopen(run, status)
    run.status = WorkflowRun.Status(status)
    run.started_at = seen.started_at or run.started_at
    run.finished_at = seen.finished_at if status in FINISHED else None
    run.revision = seen.revision if seen.revision is not None else run.revision
    run.origin = origin_of(seen.run_id, seen.kind)
    run.params, run.logical_date = dict(seen.params), seen.logical_date
    if run.cancel_requested_at is None or status in FINISHED:
        run.next_send_at = None


def _end(run: WorkflowRun, status: Status) -> Status:
    """Return what an end is called: a cancelled run ends as failed, or well after its teardown steps."""
    if run.cancel_requested_at is None:
        return status
    if status is Status.DONE and run.next_send_at is not None:
        run.cancel_requested_at = None  # it came too late
        return status
    return Status.CANCELLED


def vanish(run: WorkflowRun) -> None:
    """End a run that was deleted in Airflow."""
    now = timezone.now()
    with transaction.atomic():
        active = WorkflowRun.objects.filter(pk=run.pk, next_send_at=None).exclude(status__in=FINISHED)
        end = {"status": Status.CANCELLED, "finished_at": now, "updated_at": now}
        if active.update(**end, message="It was deleted in Airflow."):
            run.refresh_from_db()
            telling.ended(run)


def task_of(run: WorkflowRun, step: str) -> str:
    """Return the task of a step as the run's version names it; empty when it is not known."""
    version = version_of(run)
    named = version.document.get("steps", []) if version and version.document else []
    return next((part["task"] for part in named if part["name"] == step), "")
