"""Workflows and their versions as lists find and show them, without a look into any document."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.http import QueryDict
from django.urls import reverse
from rest_framework.exceptions import ValidationError

from windsock.django.actions.revisions import TOMBSTONE
from windsock.django.api.filters import asked, text, yes_or_no
from windsock.django.models import Workflow, WorkflowVersion

MOST_WORDS = 20
_newer = WorkflowVersion.objects.filter(workflow=OuterRef("pk"), revision__gt=OuterRef("live_revision"))


def workflows() -> QuerySet[Workflow]:
    """Return all workflows, each with its ``newest`` revision, which one look into an index finds."""
    versions = WorkflowVersion.objects.filter(workflow=OuterRef("pk"), revision__isnull=False)
    newest = Subquery(versions.order_by("-revision").values("revision")[:1])
    return Workflow.objects.annotate(newest=newest).order_by("id")


def found(query: Mapping[str, str]) -> QuerySet[Workflow]:
    """Return the workflows in force that a query asks for.

    Raises:
        ValidationError: a value cannot be; it names the parameter.
    """
    conditions = [*asked(query, FILTERS), *_searched(query.get("search", ""))]
    return workflows().filter(*conditions, retired_at=None)


def _searched(words: str) -> list[Q]:
    """Each word has to stand in the id or in the title."""
    parts = words.replace("\x00", "").split()
    if len(parts) > MOST_WORDS:
        raise ValidationError({"search": [f"Give up to {MOST_WORDS} words."]})
    return [Q(id__icontains=part) | Q(title__icontains=part) for part in parts]


def _live(value: str) -> Q:
    is_behind = Q(live_revision=None) | Q(Exists(_newer))
    return ~is_behind if yes_or_no(value) else is_behind


FILTERS: dict[str, Callable[[str], Q]] = {
    "owner": lambda value: Q(owner=text(value)),
    "tag": lambda value: Q(tags__contains=[text(value)]),
    "live": _live,
    "paused": lambda value: Q(is_paused=yes_or_no(value)),
}


def workflow_json(workflow: Any) -> dict[str, Any]:
    """Return what REST says about one of ``workflows()``."""
    is_live = workflow.newest is not None and workflow.newest == workflow.live_revision
    query = QueryDict(mutable=True)
    query["workflow"] = workflow.id
    return {
        "id": workflow.id,
        "title": workflow.title,
        "source": workflow.source,
        "owner": workflow.owner,
        "tags": workflow.tags,
        "description": workflow.description,
        "is_paused": workflow.is_paused,
        "live": is_live and workflow.retired_at is None,
        "revision": workflow.newest,
        "live_revision": workflow.live_revision,
        "problem": workflow.problem,
        "runs": f"{reverse('windsock:api-run-list')}?{query.urlencode()}",
    }


def versions_of(workflow: str) -> QuerySet[WorkflowVersion]:
    """Return the numbered versions of a workflow with their authors, the newest first."""
    versions = WorkflowVersion.objects.filter(workflow=workflow, revision__isnull=False)
    return versions.select_related("author").defer("document").order_by("-revision")


def version_json(version: WorkflowVersion) -> dict[str, Any]:
    """Return what REST says about one version, without its document."""
    return {
        "revision": version.revision,
        "digest": version.digest,
        "author": version.author.get_username() if version.author else None,
        "comment": version.comment,
        "refusal": version.refusal,
        "retired": version.digest == TOMBSTONE,
        "created_at": version.created_at,
        "live_at": version.live_at,
    }
