"""Which versions Airflow still has to take over, and what came of it.

A person's long transaction may hold a workflow's row; nothing here waits for it.
"""

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from windsock.django.actions.revisions import TOMBSTONE
from windsock.django.actions.workflows import REFUSED, STUCK
from windsock.django.models import Workflow, WorkflowVersion
from windsock.django.relay import wake


@dataclass(frozen=True, kw_only=True, slots=True)
class Open:
    """A numbered version that nobody has seen in force yet."""

    version: int
    workflow: str
    revision: int
    digest: str
    is_tombstone: bool
    is_refused: bool  #: Airflow's side reported a problem with it


def open_versions() -> list[Open]:
    """Return what Airflow has to take over, oldest first; one indexed query."""
    versions = WorkflowVersion.objects.filter(is_settled=False, revision__isnull=False).order_by("revision")
    columns = ("pk", "workflow_id", "revision", "digest", "workflow__problem")
    return [
        Open(
            version=version,
            workflow=workflow,
            revision=revision,
            digest=digest,
            is_tombstone=digest == TOMBSTONE,
            is_refused=problem.startswith(REFUSED),
        )
        for version, workflow, revision, digest, problem in versions.values_list(*columns)
        if revision is not None
    ]


def settle(version: Open) -> bool:
    """Note that a version is in force; False when that has to be told again later."""
    with transaction.atomic():
        workflow = _lock(version.workflow)
        if workflow is None:
            return False
        WorkflowVersion.objects.filter(pk=version.version).update(is_settled=True, live_at=timezone.now())
        workflow.live_revision = None if version.is_tombstone else version.revision
        if workflow.problem.startswith((REFUSED, STUCK)):
            workflow.problem = ""
        workflow.save(update_fields=["live_revision", "problem", "updated_at"])
        wake("runs")
    return True


def mark_stuck(version: Open, reason: str) -> bool:
    """Tell on the workflow why its newest version is not in force; other problems are left to stand."""
    with transaction.atomic():
        workflow = _lock(version.workflow)
        if workflow is None:
            return False
        text = f"{STUCK}{reason}"
        if workflow.problem != text and (not workflow.problem or workflow.problem.startswith(STUCK)):
            workflow.problem = text
            workflow.save(update_fields=["problem", "updated_at"])
    return True


def _lock(workflow: str) -> Workflow | None:
    return Workflow.objects.select_for_update(skip_locked=True, no_key=True).filter(id=workflow).first()
