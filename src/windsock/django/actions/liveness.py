"""Which versions Airflow still has to take over, and what came of it.

A person's long transaction may hold a workflow's row; nothing here waits for it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import F, OuterRef, Subquery
from django.utils import timezone

from windsock.django.actions.plans import REFUSED, STUCK
from windsock.django.actions.revisions import TOMBSTONE
from windsock.django.models import Workflow, WorkflowVersion
from windsock.django.relay import wake

_BATCH = 1_000
_NOW_LIVE = f"""
    UPDATE {Workflow._meta.db_table} workflow
    SET live_revision = CASE WHEN version.digest <> %s THEN version.revision END, updated_at = now()
    FROM {WorkflowVersion._meta.db_table} version
    WHERE version.id = ANY(%s) AND workflow.id = version.workflow_id
"""  # noqa: S608


@dataclass(frozen=True, kw_only=True, slots=True)
class Open:
    """A numbered version that nobody has seen in force yet."""

    version: int
    workflow: str
    revision: int
    digest: str
    is_tombstone: bool
    is_first: bool = False  #: no version of the workflow is known to be in force
    is_lost: bool = False  #: it was in force and was not seen there any more


def open_versions(after: int = 0) -> list[Open]:
    """Return what Airflow has to take over, oldest first; one indexed query.

    Args:
        after: leave out revisions up to this one.
    """
    versions = WorkflowVersion.objects.filter(is_settled=False, revision__gt=after).order_by("revision")
    columns = ("pk", "workflow_id", "revision", "digest", "workflow__live_revision")
    return [
        Open(
            version=version,
            workflow=workflow,
            revision=revision,
            digest=digest,
            is_tombstone=digest == TOMBSTONE,
            is_first=live_revision is None,
            is_lost=live_revision == revision,
        )
        for version, workflow, revision, digest, live_revision in versions.values_list(*columns)
        if revision is not None
    ]


def settle(versions: Iterable[Open]) -> set[str]:
    """Note that versions are in force; return the workflows of which that could be written now."""
    seen = {version.workflow: version for version in versions}
    settled = set[str]()
    for batch in _batches(sorted(seen)):
        with transaction.atomic():
            rows = Workflow.objects.select_for_update(skip_locked=True, no_key=True).filter(id__in=batch)
            told = dict(rows.order_by("id").values_list("id", "problem"))
            keys = [seen[workflow].version for workflow in told]
            WorkflowVersion.objects.filter(pk__in=keys).update(is_settled=True, live_at=timezone.now())
            with connection.cursor() as cursor:
                cursor.execute(_NOW_LIVE, [TOMBSTONE, keys])
            _clear([workflow for workflow, problem in told.items() if problem.startswith((REFUSED, STUCK))])
            if told:
                wake("runs")
        settled.update(told)
    return settled


def reopen(workflows: Sequence[str]) -> int:
    """Have the versions that should be in force looked for again; return how many there are.

    What Airflow refuses is left alone.
    """
    in_force = WorkflowVersion.objects.filter(workflow__in=workflows, revision=F("workflow__live_revision"))
    lost = in_force.exclude(workflow__problem__startswith=REFUSED).filter(workflow__retired_at=None)
    reopened = WorkflowVersion.objects.filter(pk__in=list(lost.values_list("pk", flat=True)))
    count = reopened.filter(is_settled=True).update(is_settled=False)
    if count:
        wake("publish")
    return count


def mark_stuck(workflows: Iterable[str], reason: str) -> set[str]:
    """Tell on workflows why their newest versions are not in force; other problems are left to stand.

    Returns:
        Those of which that could be written now.
    """
    with transaction.atomic():
        rows = Workflow.objects.select_for_update(skip_locked=True, no_key=True)
        told = dict(rows.filter(id__in=list(workflows)).order_by("id").values_list("id", "problem"))
        silent = [name for name, problem in told.items() if not problem or problem.startswith(STUCK)]
        changed = Workflow.objects.filter(id__in=silent).exclude(problem=STUCK + reason)
        changed.update(problem=STUCK + reason, updated_at=timezone.now())
    return set(told)


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[begin : begin + _BATCH] for begin in range(0, len(names), _BATCH))


def _clear(workflows: Sequence[str]) -> None:
    """Take back what was said of Airflow, but not what it says of a newer version that it refused."""
    if workflows:
        newest = WorkflowVersion.objects.filter(workflow=OuterRef("pk"), revision__isnull=False)
        refusal = Subquery(newest.order_by("-revision").values("refusal")[:1])
        rows = Workflow.objects.filter(id__in=workflows).alias(refusal=refusal)
        rows.filter(refusal="").update(problem="")
