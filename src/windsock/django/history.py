"""Which version of a workflow counted at a revision."""

from django.db.models import QuerySet

from windsock.django.models import WorkflowRun, WorkflowVersion


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
