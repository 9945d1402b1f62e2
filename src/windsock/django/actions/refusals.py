"""What Airflow's side says about versions; one that it refuses is passed over.

The decision is docs/decisions/0009-last-good-version.md.
"""

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from windsock.django.actions.plans import REFUSED
from windsock.django.actions.revisions import announce
from windsock.django.history import version_at
from windsock.django.models import Workflow, WorkflowVersion
from windsock.django.relay import wake

TAKEN_NOW = "Airflow takes it now."


def report(workflow: str, revision: int, message: str) -> None:
    """Note what Airflow's side says about a version.

    A refused version never was in force, at no revision; the newest one before it is. A version that was seen
    in force stays so: runs were begun with it, and only the workflow's problem tells what Airflow says.

    Args:
        workflow: its id.
        revision: of the version.
        message: why Airflow refuses it; empty: it takes it now.
    """
    versions = WorkflowVersion.objects.filter(workflow=workflow)
    about = versions.filter(revision=revision)
    newest = Workflow.objects.filter(~Exists(_newer(revision)), id=workflow)
    if message:
        with transaction.atomic():
            never_live = about.filter(live_at=None)
            if never_live.filter(refusal="").update(refusal=message, is_settled=True):
                _reopen(workflow)
            else:
                never_live.exclude(refusal=message).update(refusal=message)
        newest.exclude(problem=REFUSED + message).update(problem=REFUSED + message)
    else:
        newest.filter(problem__startswith=REFUSED).update(problem="")
        publish_again(workflow, revision, TAKEN_NOW, only_refused=True)


def _reopen(workflow: str) -> None:
    """Look for the version that is in force now, if nobody has seen it yet."""
    version = version_at(workflow)
    if version is not None and version.live_at is None:
        WorkflowVersion.objects.filter(pk=version.pk).update(is_settled=False)
        wake("publish")


def publish_again(workflow: str, revision: int, comment: str, *, only_refused: bool = False) -> None:
    """Write a version anew, if it is the newest of a workflow that is not retired.

    A refused one that Airflow takes now needs that: at the revisions in between another was in force.
    """
    with transaction.atomic():
        rows = Workflow.objects.select_for_update(no_key=True).filter(id=workflow, retired_at=None)
        if rows.first() is None:
            return
        newest = WorkflowVersion.objects.filter(~Exists(_newer(revision, "workflow")), workflow=workflow)
        version = newest.filter(revision=revision).first()
        if version is not None and (version.refusal or not only_refused):
            WorkflowVersion.objects.create(
                workflow_id=workflow,
                digest=version.digest,
                document=version.document,
                author_id=version.author_id,
                comment=comment,
            )
            announce()


def _newer(revision: int, workflow: str = "pk") -> QuerySet[WorkflowVersion]:
    newer = Q(revision__gt=revision) | Q(revision=None)
    return WorkflowVersion.objects.filter(newer, workflow=OuterRef(workflow))
