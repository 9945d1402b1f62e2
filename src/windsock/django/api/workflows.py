"""Workflows over REST: ``/api/workflows/``, ``/api/workflows/<id>/``, and what can be done to one."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.viewsets import ReadOnlyModelViewSet

from windsock.django.api import catalogue
from windsock.django.api.editing import EditedWorkflows, detail_json
from windsock.django.api.operating import OperatedWorkflows
from windsock.django.api.pagination import Pages
from windsock.django.api.permissions import Needed
from windsock.django.api.schedule import ScheduledWorkflows
from windsock.django.api.throttling import when_starting
from windsock.django.models import Workflow


class WorkflowViewSet(EditedWorkflows, OperatedWorkflows, ScheduledWorkflows, ReadOnlyModelViewSet[Workflow]):
    """The workflows in force; a retired one is still found by its id."""

    permission_classes = (Needed,)
    needs = {  # noqa: RUF012
        "list": "windsock.view_workflow",
        "retrieve": "windsock.view_workflow",
        "schedule": "windsock.view_workflow",
        "create": "windsock.add_workflowdefinition",
        "update": "windsock.change_workflowdefinition",
        "partial_update": "windsock.change_workflowdefinition",
        "destroy": "windsock.delete_workflowdefinition",
        "run": "windsock.add_workflowrun",
        "pause": "windsock.change_workflow",
        "unpause": "windsock.change_workflow",
        "backfill": "windsock.change_workflow",
    }
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[Workflow]:
        """Return the workflows; the list those that the query asks for.

        Raises:
            ValidationError: a filter has a value that cannot be.
        """
        if self.action == "list":
            return catalogue.found(self.request.query_params)
        return catalogue.workflows()

    def get_throttles(self) -> list[BaseThrottle]:
        """Limit what starts work."""
        return [*super().get_throttles(), *when_starting(self, ("create", "run", "backfill"))]

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with a page, by id."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response([catalogue.workflow_json(workflow) for workflow in page or ()])

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with one and its definition."""
        return Response(detail_json(self.get_object()))
