"""Which version of a workflow counted at a revision."""

import json
from typing import Any

from django.db import router
from django.db.models import QuerySet

from windsock.django.models import WorkflowRun, WorkflowVersion
from windsock.django.prepared import fetch_one

# The ORM, and the other steps of a large document, would cost a step more than anything else it does itself.
_STEP = """
    SELECT revision, jsonb_path_query_first(
        document, '$.steps[*] ? (@.name == $name)', jsonb_build_object('name', %s::text)
    )
    FROM windsock_workflowversion
    WHERE workflow_id = %s AND document IS NOT NULL AND
"""
_EXACTLY = _STEP + "revision = %s"
_IN_FORCE = _STEP + "revision <= %s AND refusal = '' ORDER BY revision DESC LIMIT 1"
_ANY = 2**63 - 1


def in_force(workflow: str, revision: int | None = None) -> QuerySet[WorkflowVersion]:
    """Return a workflow's numbered versions up to a revision that Airflow did not refuse, newest first.

    Args:
        workflow: its id.
        revision: None: up to now.
    """
    versions = WorkflowVersion.objects.filter(workflow=workflow, revision__isnull=False, refusal="")
    if revision is not None:
        versions = versions.filter(revision__lte=revision)
    return versions.order_by("-revision")


def version_at(workflow: str, revision: int | None = None) -> WorkflowVersion | None:
    """Return the version that was in force at a revision, a tombstone too; None when there was none."""
    return in_force(workflow, revision).first()


def version_of(run: WorkflowRun) -> WorkflowVersion | None:
    """Return the version that a run follows; the newest while that is not known, None when there is none."""
    return in_force(run.workflow_id, run.revision).filter(document__isnull=False).first()


def find_step(workflow: str, step: str, *, at: int | None, version: int | None) -> Any:
    """Return a step's JSON as the version that counts has it.

    Args:
        workflow: its id.
        step: its name.
        at: the revision at which the version was in force; None: now.
        version: the revision of the version itself, where that is known.

    Raises:
        LookupError: there is no such version, or it has no such step.
    """
    text, revision = (_IN_FORCE, _ANY if at is None else at) if version is None else (_EXACTLY, version)
    row = fetch_one(router.db_for_read(WorkflowVersion), text, (step, workflow, revision), once=True)
    if row is None:
        raise LookupError(f"{workflow!r} has no version up to revision {at}")
    if row[1] is None:
        raise LookupError(f"{workflow!r} has no step {step!r} at revision {row[0]}")
    return json.loads(row[1])
