"""The list of tasks, and one task."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from windsock.django.api.tasks import visible_to
from windsock.django.models import TaskRun
from windsock.django.pages.access import page
from windsock.django.pages.live import live

TASKS_A_PAGE = 50


def with_context(tasks: QuerySet[TaskRun]) -> QuerySet[TaskRun]:
    """Read tasks with what their lines show, newest first."""
    return tasks.select_related("owner", "workflow_run__workflow").order_by("-id")


@page
@require_safe
def tasks(request: HttpRequest) -> HttpResponse:
    """Show the tasks of one status or all, newest first."""
    status = request.GET.get("status", "")
    found = visible_to(request.user)
    if status in TaskRun.Status.values:
        found = found.filter(status=status)
    before = as_uuid(request.GET.get("before", ""))
    if before:
        found = found.filter(pk__lt=before)
    shown = list(with_context(found)[: TASKS_A_PAGE + 1])
    context = {
        "tasks": shown[:TASKS_A_PAGE],
        "before": shown[TASKS_A_PAGE - 1].pk if len(shown) > TASKS_A_PAGE else None,
        "status": status,
        "statuses": TaskRun.Status.choices,
        "is_first": before is None,
        "here": request.get_full_path(),
    }
    return live(request, "tasks", context)


@page
@require_safe
def task(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show one task; its traceback is for holders of ``view_taskrun``."""
    found = get_object_or_404(with_context(visible_to(request.user)), pk=pk)
    context: dict[str, Any] = {
        "task": found,
        "sees_traceback": request.user.has_perm("windsock.view_taskrun"),
        "here": request.get_full_path(),
    }
    return live(request, "task", context)


def as_uuid(text: str) -> UUID | None:
    """Read a key from an address; None when it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
