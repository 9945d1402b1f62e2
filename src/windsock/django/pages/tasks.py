"""The list of tasks, and one task."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from windsock.django import steering
from windsock.django.api.tasks import visible_to
from windsock.django.models import TaskRun
from windsock.django.pages.access import page
from windsock.django.pages.live import live
from windsock.django.pages.returning import back
from windsock.django.sensitive import shown_args, shown_input, shown_kwargs
from windsock.errors import WrongStatus
from windsock.run import Status

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
    shown = list(with_context(found).defer("output")[: TASKS_A_PAGE + 1])
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
    """Show one task; its traceback and output are for holders of ``view_taskrun``."""
    found = get_object_or_404(with_context(visible_to(request.user)), pk=pk)
    may_change = steering.may_change(request.user, found)
    context: dict[str, Any] = {
        "task": found,
        "input": shown_input(found),
        "args": shown_args(found),
        "kwargs": shown_kwargs(found),
        "is_expired": found.result_expires_at is not None and found.result_expires_at <= timezone.now(),
        "can_cancel": may_change and steering.can_cancel(found),
        "can_retry": may_change and steering.can_retry(found),
        "sees_traceback": request.user.has_perm("windsock.view_taskrun"),
        "here": request.get_full_path(),
    }
    return live(request, "task", context)


@page
@require_POST
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Cancel what waits, ask what runs to stop, and return to where the button was pressed."""
    found = changeable(request, pk)
    try:
        steering.cancel(found)
    except WrongStatus as why:
        messages.error(request, str(why))
    else:
        is_over = found.status == Status.CANCELLED
        messages.success(request, "It is cancelled." if is_over else "It was asked to stop.")
    return back(request)


@page
@require_POST
def retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Start the same call again and go to the new task."""
    try:
        new = steering.retry(changeable(request, pk))
    except WrongStatus as why:
        messages.error(request, str(why))
        return back(request)
    messages.success(request, "This is the new task.")
    return redirect("windsock:task", pk=new.pk)


def changeable(request: HttpRequest, pk: UUID) -> TaskRun:
    """Return a task that the user may cancel and retry.

    Raises:
        Http404: the user does not see it.
        PermissionDenied: the user only sees it.
    """
    found = get_object_or_404(visible_to(request.user), pk=pk)
    if not steering.may_change(request.user, found):
        raise PermissionDenied
    return found


def as_uuid(text: str) -> UUID | None:
    """Read a key from an address; None when it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
