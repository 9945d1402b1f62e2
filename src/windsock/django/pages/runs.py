"""One run with its steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from windsock.django.conf import settings
from windsock.django.history import version_of
from windsock.django.models import TaskRun, WorkflowRun
from windsock.django.pages.access import page, visible_runs
from windsock.django.pages.live import live
from windsock.errors import WindsockError
from windsock.wire import from_json
from windsock.workflow import Workflow


@dataclass(frozen=True, kw_only=True, slots=True)
class StepLine:
    """A step of the plan, and its execution once it has begun."""

    name: str
    task: str
    execution: TaskRun | None


@page
@require_safe
def run(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show a run and how far its steps are."""
    runs = visible_runs(request.user).select_related("workflow", "requested_by")
    found = get_object_or_404(runs, pk=pk)
    context = {
        "run": found,
        "steps": list(step_lines(found)),
        "sees_traceback": request.user.has_perm("windsock.view_taskrun"),
        "airflow_run_url": airflow_run_url(found),
        "here": request.get_full_path(),
    }
    return live(request, "run", context)


def step_lines(run: WorkflowRun) -> Iterator[StepLine]:
    """Yield the steps in the order of the plan, then executions that the plan does not name."""
    executions: dict[str, list[TaskRun]] = {}
    of_generation = run.steps.filter(generation=run.generation).defer("output")
    for execution in of_generation.order_by("map_index", "id"):
        executions.setdefault(execution.step, []).append(execution)
    for name, task in planned(run):
        for begun in executions.pop(name, [None]):
            yield StepLine(name=name, task=task, execution=begun)
    for others in executions.values():
        for other in others:
            yield StepLine(name=other.step, task=other.task, execution=other)


def planned(run: WorkflowRun) -> list[tuple[str, str]]:
    """Return (step, task) of the version that the run follows; empty when that is not known."""
    version = version_of(run)
    if version is None:
        return []
    try:
        return [(step.name, step.task) for step in from_json(Workflow, version.document).in_order()]
    except WindsockError:
        return []  # Written by a newer release: the executions alone are shown.


def airflow_run_url(run: WorkflowRun) -> str:
    """Return the run's page in Airflow; empty where there is no Airflow."""
    base = settings.AIRFLOW_URL.rstrip("/")
    return f"{base}/dags/{run.workflow_id}/runs/{quote(run.run_id, safe='')}" if base else ""
