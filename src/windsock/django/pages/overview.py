"""The first page: workflows with their latest runs, and the latest tasks."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.core.paginator import Page, Paginator
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from windsock.django.api.tasks import visible_to
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.django.pages import words
from windsock.django.pages.access import RUN, page, visible_runs, visible_workflows
from windsock.django.pages.live import live
from windsock.django.pages.tasks import with_context

WORKFLOWS_A_PAGE = 25
RUNS_A_STRIP = 24
TASKS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A workflow as its line on the page."""

    workflow: Workflow
    state: words.State
    schedule: str
    runs: tuple[WorkflowRun, ...]  #: the latest ones, oldest first
    gaps: range  #: places of the strip that no run fills

    @property
    def last(self) -> WorkflowRun | None:
        """The newest run."""
        return self.runs[-1] if self.runs else None


@page
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Show workflows and tasks."""
    query = request.GET.get("q", "").strip()
    found = found_workflows(visible_workflows(request.user), query)
    current = Paginator(found, WORKFLOWS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "rows": rows(current, visible_runs(request.user)),
        "current": current,
        "query": query,
        "sees_workflows": request.user.has_perm("windsock.view_workflow"),
        "can_run": request.user.has_perm(RUN),
        "tasks": with_context(latest_tasks(request.user)).defer("output")[:TASKS],
        "here": request.get_full_path(),
    }
    return live(request, "overview", context)


def latest_tasks(user: Any) -> QuerySet[Any]:
    """Return what ``user`` sees of tasks, without the steps of workflows, which the strips show."""
    return visible_to(user).filter(workflow_run=None)


def found_workflows(workflows: QuerySet[Workflow], query: str) -> QuerySet[Workflow]:
    """Return the workflows that a search finds, with revision and plan of the newest version."""
    if query:
        workflows = workflows.filter(Q(id__icontains=query) | Q(title__icontains=query))
    return with_newest(workflows).order_by("title", "id")


def with_newest(workflows: QuerySet[Workflow]) -> QuerySet[Workflow]:
    """Add ``revision`` and ``plan``, the schedule of the newest numbered version."""
    versions = WorkflowVersion.objects.filter(workflow=OuterRef("pk"), revision__isnull=False)
    newest = versions.order_by("-revision")
    return workflows.annotate(
        revision=Subquery(newest.values("revision")[:1]),
        plan=Subquery(newest.values("document__schedule")[:1]),
    )


def rows(workflows: "Page[Workflow] | Iterable[Workflow]", visible: QuerySet[WorkflowRun]) -> list[Row]:
    """Return the lines of the page with their ``visible`` runs, by two queries however many there are."""
    latest = visible.filter(workflow=OuterRef("pk")).order_by("-id")
    shown = list(workflows)
    arrays = (
        Workflow.objects.filter(pk__in=[workflow.pk for workflow in shown])
        .annotate(latest=ArraySubquery(latest.values("pk")[:RUNS_A_STRIP]))
        .values_list("latest", flat=True)
    )
    # Where nothing is visible Django leaves the subquery out and answers None.
    keys = [key for array in arrays for key in array or ()]
    runs: defaultdict[str, list[WorkflowRun]] = defaultdict(list)
    for run in visible.filter(pk__in=keys).order_by("id"):
        runs[run.workflow_id].append(run)
    return [row(workflow, runs[workflow.pk]) for workflow in shown]


def row(workflow: Any, runs: list[WorkflowRun]) -> Row:
    """Return the line of a workflow that was read ``with_newest``."""
    return Row(
        workflow=workflow,
        state=words.state(workflow, workflow.revision),
        schedule=words.schedule(workflow.plan),
        runs=tuple(runs),
        gaps=range(RUNS_A_STRIP - len(runs)),
    )
