"""Workflow runs over REST: ``/api/runs/``, ``/api/runs/<id>/``."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from windsock.django.api.pagination import Pages
from windsock.django.api.permissions import Needed
from windsock.django.api.signed_in import SignedIn
from windsock.django.api.tasks import task_json
from windsock.django.models import WorkflowRun

FILTERS = ("workflow", "status", "origin")
CHOICES = {"status": WorkflowRun.Status.values, "origin": WorkflowRun.Origin.values}


def run_json(run: WorkflowRun) -> dict[str, Any]:
    """Return what REST says about one run, without its steps."""
    return {
        "id": str(run.id),
        "workflow": run.workflow_id,
        "run_id": run.run_id,
        "origin": run.origin,
        "status": run.status,
        "revision": run.revision,
        "params": run.params,
        "message": run.message,
        "requested_by": run.requested_by.get_username() if run.requested_by else None,
        "logical_date": run.logical_date,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


class RunViewSet(SignedIn, ReadOnlyModelViewSet[WorkflowRun]):
    """Runs of workflows, whoever began them."""

    permission_classes = (Needed,)
    needs = {"list": "windsock.view_workflowrun", "retrieve": "windsock.view_workflowrun"}  # noqa: RUF012
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[WorkflowRun]:
        """Return the runs, filtered by ``workflow``, ``status`` and ``origin``.

        Raises:
            ValidationError: a filter has a value that cannot be.
        """
        runs = WorkflowRun.objects.select_related("requested_by").order_by("-id")
        if self.action != "list":
            return runs
        query = self.request.query_params
        given = {name: query[name].replace("\x00", "") for name in FILTERS if name in query}
        for name, choices in CHOICES.items():
            if name in given and given[name] not in choices:
                raise ValidationError({name: [f"Choose one of {', '.join(choices)}."]})
        return runs.filter(**given)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with a page, the newest first."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response([run_json(run) for run in page or ()])

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with one and its steps, in the order in which they began."""
        run = self.get_object()
        return Response(run_json(run) | {"steps": [task_json(step) for step in run.steps.order_by("id")]})
