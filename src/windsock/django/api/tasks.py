"""The record over REST: ``/api/tasks/``, ``/api/tasks/<id>/``, and what can be done to one."""

from typing import Any

from django.db.models import QuerySet
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.viewsets import ReadOnlyModelViewSet

from windsock.django.actions import enqueueing, tasks
from windsock.django.api.filters import filtered
from windsock.django.api.idempotency import idempotent
from windsock.django.api.pagination import KeyPages
from windsock.django.api.signed_in import NoForm, SignedIn
from windsock.django.api.throttling import when_starting
from windsock.django.models import TaskRun
from windsock.django.sensitive import shown_input
from windsock.errors import WrongStatus
from windsock.run import FINISHED, Status

SHOWN = ("id", "name", "status", "created_at", "updated_at", "input_data", "result", "message", "progress")
RELATED = ("related_table", "related_id", "operation")
HIDING = ("sensitive", "result_expires_at")
EXPIRED = {"message": "The result has expired.", "progress": 100}


def task_json(run: TaskRun) -> dict[str, Any]:
    """Return what REST says about one execution."""
    return {
        "id": str(run.id),
        "status": run.status,
        "task_name": run.name,
        "created_at": run.created_at.isoformat(),
        "updated_at": run.updated_at.isoformat(),
        "input_data": shown_input(run),
        "result": result_json(run),
        "progress": _progress(run),
        "related_table": run.related_table or None,
        "related_id": run.related_id or None,
        "operation": run.operation or None,
    }


def result_json(run: TaskRun) -> dict[str, Any]:
    """Return the result as REST shows it: what the function returned, with the progress merged in."""
    progress = {"progress": _progress(run)}
    match Status(run.status):
        case Status.DONE if _is_expired(run):
            return dict(EXPIRED)
        case Status.DONE if isinstance(run.result, dict):
            return {**run.result, **progress}
        case Status.DONE:
            return {"value": run.result, **progress}
        case Status.FAILED | Status.CANCELLED:
            errors = (run.result or {}).get("errors", {}) if isinstance(run.result, dict) else {}
            return {"success": False, "message": run.message, "errors": errors, **progress}
        case Status.SKIPPED:
            return {"success": True, "message": run.message, **progress}
    return progress


def visible_to(user: Any) -> QuerySet[TaskRun]:
    """Return the runs that a user may see: the own ones, or all with ``windsock.view_taskrun``."""
    runs = TaskRun.objects.all()
    return runs if user.has_perm("windsock.view_taskrun") else runs.filter(owner=user)


class TaskPages(KeyPages):
    """Pages of tasks, of which a list reads what it shows."""

    fields = (*SHOWN, *RELATED, *HIDING)


class TaskViewSet(SignedIn, ReadOnlyModelViewSet[TaskRun]):
    """Tracked executions; to whom they do not belong they do not exist."""

    pagination_class = TaskPages
    serializer_class = NoForm

    def get_queryset(self) -> QuerySet[TaskRun]:
        """Return what the caller may see, a list filtered by the query.

        Raises:
            ValidationError: a filter has a value that cannot be.
        """
        runs = visible_to(self.request.user)
        if self.action in {"cancel", "retry"}:
            return runs
        if self.action == "traceback":
            return runs.only("exception", "message", "traceback")
        if self.action == "output":
            return runs.only("output")
        if self.action == "list":
            return filtered(runs, self.request.query_params)
        return runs.only(*TaskPages.fields)

    def get_throttles(self) -> list[BaseThrottle]:
        """Limit what starts work."""
        return [*super().get_throttles(), *when_starting(self, ("retry",))]

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with a page, the newest first unless the query says otherwise."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response([task_json(run) for run in page or ()])

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with one."""
        return Response(task_json(self.get_object()))

    @action(detail=True)
    def status(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with one; nothing is written."""
        return self.retrieve(request)

    @action(detail=True)
    def traceback(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with what was raised, to holders of ``view_taskrun``."""
        run = self.get_object()
        if not request.user.has_perm("windsock.view_taskrun"):
            raise PermissionDenied("Tracebacks need the permission windsock.view_taskrun.")
        return Response({"exception": run.exception, "message": run.message, "traceback": run.traceback})

    @action(detail=True)
    def output(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with the last part of what a step wrote and logged, to holders of ``view_taskrun``."""
        run = self.get_object()
        if not request.user.has_perm("windsock.view_taskrun"):
            raise PermissionDenied("Output needs the permission windsock.view_taskrun.")
        return Response({"output": run.output})

    @action(detail=True, methods=["post"])
    @idempotent
    def cancel(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Cancel what waits at once, ask what runs to stop; 409 when it is finished."""
        run = self._changeable()
        if not tasks.cancel(run):
            return _conflict(run, "The task is finished already.")
        run.refresh_from_db()
        return Response(task_json(run), status=status.HTTP_202_ACCEPTED)

    @action(detail=True, methods=["post"])
    @idempotent
    def retry(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Start the same call again as a new task of the same owner; 409 unless it ended and is not DONE."""
        run = self._changeable()
        if run.workflow_run_id:
            return _conflict(run, "A workflow's step is not retried alone: run the workflow again.")
        try:
            # The owner stays: nobody's rights serve what somebody else asked for.
            new = enqueueing.repeat(run, owner=run.owner_id)
        except WrongStatus:
            is_done = run.status in FINISHED
            return _conflict(run, "The task is done." if is_done else "The task is not finished yet.")
        return accepted(str(new.pk), f"Task created to retry {run.name}")

    def _changeable(self) -> TaskRun:
        """The task, for its owner and holders of ``change_taskrun``."""
        run: TaskRun = self.get_object()
        user: Any = self.request.user
        if run.owner_id != user.pk and not user.has_perm("windsock.change_taskrun"):
            raise PermissionDenied("This needs the permission windsock.change_taskrun.")
        return run


def accepted(task_id: str, message: str) -> Response:
    """Return the answer to what started a task."""
    try:
        address = reverse("windsock:api-task-status", args=(task_id,))
    except NoReverseMatch:
        address = f"/api/tasks/{task_id}/status/"
    answer = {"task_id": task_id, "message": message, "status_endpoint": address}
    return Response(answer, status=status.HTTP_202_ACCEPTED)


def _conflict(run: TaskRun, detail: str) -> Response:
    run.refresh_from_db(fields=["status"])
    return Response({"detail": detail, "status": run.status}, status=status.HTTP_409_CONFLICT)


def _is_expired(run: TaskRun) -> bool:
    return run.result_expires_at is not None and run.result_expires_at <= timezone.now()


def _progress(run: TaskRun) -> int:
    return 0 if run.status == Status.PENDING else run.progress
