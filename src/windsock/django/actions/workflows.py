"""Publish and retire: the only writers of workflows and their versions.

A version is written in the caller's own transaction and has no revision yet, see ``revisions``.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from windsock import wire
from windsock.django import authorship
from windsock.django.actions.plans import REFUSED as REFUSED
from windsock.django.actions.plans import STUCK as STUCK
from windsock.django.actions.plans import Plan as Plan
from windsock.django.actions.plans import Stored, columns_of
from windsock.django.actions.revisions import TOMBSTONE, announce, newest_digest
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.run import FINISHED
from windsock.workflow import Problem


def publish(plans: Sequence[Plan], *, author: Any = None, comment: str = "") -> int:
    """Write what changed: new versions, problems, retirements; return how many versions were written.

    A plan with problems leaves the last good version in force. Joins the caller's transaction.

    Args:
        plans: what the sources say.
        author: a user; None: whoever ``authorship.author()`` names.
        comment: is kept with each version that is written.
    """
    versions: list[WorkflowVersion] = []
    said: dict[str, Any] = {
        "author_id": getattr(author, "pk", None) or authorship.author(),
        "comment": comment,
    }
    with transaction.atomic():
        stored = Stored.of(plans, lock=True)
        for plan in map(stored.checked, plans):
            _retire(stored.others(plan))
            is_new = plan.definition is not None and stored.digests.get(plan.id) != plan.digest
            workflow = _write(plan, stored, is_new=is_new)
            if workflow is not None and is_new:
                stored.digests[workflow.id] = plan.digest
                versions.append(
                    WorkflowVersion(workflow=workflow, digest=plan.digest, document=plan.document, **said)
                )
        stored.write()
        WorkflowVersion.objects.bulk_create(versions, batch_size=500)
        if versions:
            announce()
    return len(versions)


def outdated(plans: Sequence[Plan]) -> list[Plan]:
    """Return those plans that ``publish`` would write something for; takes no lock."""
    if not plans:
        return []
    stored = Stored.of(plans, lock=False)
    return [plan for plan in plans if not stored.is_current(stored.checked(plan))]


def conflicts(plan: Plan) -> tuple[Problem, ...]:
    """Return why the plan's id cannot be taken; empty when it can."""
    return Stored.of([plan], lock=False).checked(plan).problems


def keys_of(source: str) -> set[str]:
    """Return the keys of the rows that have a workflow in force."""
    return set(Workflow.objects.filter(source=source, retired_at=None).values_list("source_key", flat=True))


def retire(source: str, keys: Iterable[str]) -> int:
    """End the workflows of rows that are gone; their history stays. Return how many there were."""
    with transaction.atomic():
        found = Workflow.objects.filter(source=source, source_key__in=list(keys), retired_at=None)
        return _retire(list(found.select_for_update(no_key=True).order_by("id")))


def bury(workflows: Iterable[str] | None = None) -> int:
    """Write the tombstones of retired workflows whose last run has ended; return how many.

    Args:
        workflows: ids to look at; by default all.
    """
    active = WorkflowRun.objects.filter(workflow=OuterRef("pk")).exclude(status__in=FINISHED)
    with transaction.atomic():
        retired = Workflow.objects.filter(retired_at__isnull=False)
        if workflows is not None:
            retired = retired.filter(id__in=workflows)
        retired = retired.alias(digest=newest_digest()).filter(~Exists(active))
        retired = retired.exclude(digest=TOMBSTONE).exclude(digest=None)
        # Whoever holds the lock may be bringing the workflow back.
        locked = retired.select_for_update(skip_locked=True, no_key=True, of=("self",))
        author = authorship.author()
        tombstones = [
            WorkflowVersion(workflow=workflow, digest=TOMBSTONE, author_id=author) for workflow in locked
        ]
        WorkflowVersion.objects.bulk_create(tombstones)
        if tombstones:
            announce()
    return len(tombstones)


def _write(plan: Plan, stored: Stored, *, is_new: bool) -> Workflow | None:
    if not plan.definition and not plan.problems:
        return None
    workflow = stored.workflows.get(plan.id)
    columns = columns_of(plan, workflow, is_new=is_new)
    if workflow is None and plan.id:
        created = {"source": plan.source, "source_key": plan.key} | columns
        stored.create(Workflow(id=plan.id, **created))
        return stored.workflows[plan.id]
    for workflow_of_row in [workflow] if workflow else stored.of_row(plan):
        stored.change(workflow_of_row, columns)
    return workflow


def _retire(workflows: list[Workflow]) -> int:
    """Refuse new runs at once; the tombstone follows when no run is active, since Airflow would freeze it."""
    for workflow in workflows:
        workflow.retired_at, workflow.problem = timezone.now(), ""
        workflow.save(update_fields=["retired_at", "problem", "updated_at"])
        _stop_schedule(workflow)
    if workflows:
        bury([workflow.id for workflow in workflows])
    return len(workflows)


def _stop_schedule(workflow: Workflow) -> None:
    if not WorkflowRun.objects.filter(workflow=workflow).exclude(status__in=FINISHED).exists():
        return
    versions = WorkflowVersion.objects.filter(workflow=workflow, refusal="")
    version = versions.order_by("-revision", "-id").first()
    if version and version.document and "schedule" in version.document:
        document = {name: part for name, part in version.document.items() if name != "schedule"}
        digest = wire.digest(document)
        author = authorship.author()
        WorkflowVersion.objects.create(workflow=workflow, digest=digest, document=document, author_id=author)
        announce()
