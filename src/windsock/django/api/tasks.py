"""The record over REST: ``/api/tasks/``, ``/api/tasks/<id>/``, ``/api/tasks/<id>/status/``."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from windsock.django.api.signed_in import SignedIn
from windsock.django.models import TaskRun
from windsock.run import Status

#: Query parameter -> field of the record.
FILTERS = {
    "status": "status",
    "task_name": "name",
    "operation": "operation",
    "related_table": "related_table",
    "related_id": "related_id",
}
CHOICES = {"status": TaskRun.Status.values, "operation": TaskRun.Operation.values}
SHOWN = ("id", "name", "status", "created_at", "updated_at", "input_data", "result", "message", "progress")
RELATED = ("related_table", "related_id", "operation")


class Pages(PageNumberPagination):
    """``{"count", "next", "previous", "results"}``; ``?page_size=`` up to 200."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


def task_json(run: TaskRun) -> dict[str, Any]:
    """Return what REST says about one execution."""
    return {
        "id": str(run.id),
        "status": run.status,
        "task_name": run.name,
        "created_at": run.created_at.isoformat(),
        "updated_at": run.updated_at.isoformat(),
        "input_data": run.input_data,
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


class TaskViewSet(SignedIn, ReadOnlyModelViewSet[TaskRun]):
    """Tracked executions; to whom they do not belong they do not exist."""

    pagination_class = Pages

    def get_queryset(self) -> QuerySet[TaskRun]:
        """Return what the caller may see, filtered by the query.

        Raises:
            ValidationError: a filter has a value that cannot be.
        """
        runs = visible_to(self.request.user).only(*SHOWN, *RELATED).order_by("-id")
        if self.action != "list":
            return runs
        given = {name: value for name, value in self.request.query_params.items() if name in FILTERS}
        for name, choices in CHOICES.items():
            if name in given and given[name] not in choices:
                raise ValidationError({name: [f"Choose one of {', '.join(choices)}."]})
        return runs.filter(**{FILTERS[name]: value for name, value in given.items()})

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with a page, the newest first."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response([task_json(run) for run in page or ()])

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with one."""
        return Response(task_json(self.get_object()))

    @action(detail=True)
    def status(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with one; nothing is written."""
        return self.retrieve(request)


def _progress(run: TaskRun) -> int:
    return 0 if run.status == Status.PENDING else run.progress
