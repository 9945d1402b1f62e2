"""Workflow runs over REST: ``/api/runs/``, ``/api/runs/<id>/``, and what can be done to one."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.viewsets import ReadOnlyModelViewSet

from windsock.django.actions import versions
from windsock.django.api.filters import Conditions, asked, exactly, moment, one_of
from windsock.django.api.operating import OperatedRuns, run_json
from windsock.django.api.pagination import Pages
from windsock.django.api.permissions import Needed
from windsock.django.api.tasks import task_json
from windsock.django.api.throttling import when_starting
from windsock.django.models import WorkflowRun

#: Query parameter -> conditions for a value; dates: from (inclusive) and until (exclusive).
FILTERS: dict[str, Callable[[str], Conditions]] = {
    "workflow": exactly("workflow"),
    "status": one_of("status", WorkflowRun.Status.values),
    "origin": one_of("origin", WorkflowRun.Origin.values),
    "logical_after": lambda value: {"logical_date__gte": moment(value)},
    "logical_before": lambda value: {"logical_date__lt": moment(value)},
}


class RunViewSet(OperatedRuns, ReadOnlyModelViewSet[WorkflowRun]):
    """Runs of workflows, whoever began them."""

    permission_classes = (Needed,)
    needs = {  # noqa: RUF012
        "list": "windsock.view_workflowrun",
        "retrieve": "windsock.view_workflowrun",
        "cancel": "windsock.change_workflowrun",
        "retry": "windsock.change_workflowrun",
        "clear": "windsock.change_workflowrun",
        "mark": "windsock.change_workflowrun",
    }
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[WorkflowRun]:
        """Return the runs, in a list only those that it asks for.

        Raises:
            ValidationError: a filter has a value that cannot be.
        """
        runs = WorkflowRun.objects.select_related("requested_by").order_by("-id")
        if self.action != "list":
            return runs
        for conditions in asked(self.request.query_params, FILTERS):
            runs = runs.filter(**conditions)
        return runs

    def get_throttles(self) -> list[BaseThrottle]:
        """Limit what starts work."""
        return [*super().get_throttles(), *when_starting(self, ("retry", "clear"))]

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with a page, the newest first."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response([run_json(run) for run in page or ()])

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with one and its steps, in the order in which they began."""
        run = self.get_object()
        version = versions.used_by(run)
        steps = [task_json(step) for step in run.steps.order_by("id")]
        return Response(run_json(run) | {"version": version and version.revision, "steps": steps})
