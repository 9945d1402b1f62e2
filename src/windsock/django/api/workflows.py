"""Workflows over REST: ``/api/workflows/``, ``/api/workflows/<id>/``, ``/api/workflows/<id>/run/``."""

from typing import Any

from django.db.models import Max, Q, QuerySet
from django.http import QueryDict
from django.urls import reverse
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.viewsets import ReadOnlyModelViewSet

from windsock.django.actions import runs
from windsock.django.api.idempotency import idempotent
from windsock.django.api.pagination import Pages
from windsock.django.api.permissions import Needed
from windsock.django.api.runs import run_json
from windsock.django.api.signed_in import SignedIn
from windsock.django.api.throttling import when_starting
from windsock.django.models import Workflow
from windsock.errors import InvalidParams, RunRefused


def workflow_json(workflow: Any) -> dict[str, Any]:
    """Return what REST says about one workflow, annotated with its ``newest`` revision."""
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


class WorkflowViewSet(SignedIn, ReadOnlyModelViewSet[Workflow]):
    """The workflows in force; a retired one is still found by its id."""

    permission_classes = (Needed,)
    needs = {  # noqa: RUF012
        "list": "windsock.view_workflow",
        "retrieve": "windsock.view_workflow",
        "run": "windsock.add_workflowrun",
    }
    pagination_class = Pages
    lookup_value_regex = "[^/]+"

    def get_queryset(self) -> QuerySet[Workflow]:
        """Return the workflows; the list takes ``search``, in id and title."""
        workflows = Workflow.objects.annotate(newest=Max("versions__revision")).order_by("id")
        if self.action != "list":
            return workflows
        words = self.request.query_params.get("search", "").replace("\x00", "").split()
        for word in words:
            workflows = workflows.filter(Q(id__icontains=word) | Q(title__icontains=word))
        return workflows.filter(retired_at=None)

    def get_throttles(self) -> list[BaseThrottle]:
        """Limit what starts work."""
        return [*super().get_throttles(), *when_starting(self, ("run",))]

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with a page, by id."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response([workflow_json(workflow) for workflow in page or ()])

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with one."""
        return Response(workflow_json(self.get_object()))

    @action(detail=True, methods=["post"])
    @idempotent
    def run(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Ask for a run, with ``{"params": {...}}``; 202 and the run, which begins as PENDING.

        Raises:
            ValidationError: the body or a param is not right; the answer names it.
        """
        params = request.data.get("params", {}) if isinstance(request.data, dict) else None
        if not isinstance(params, dict):
            raise ValidationError({"params": ["Give an object of param names and values."]})
        try:
            run = runs.request(self.get_object(), params, user=request.user)
        except InvalidParams as error:
            raise ValidationError({field: [message] for field, message in error.problems}) from error
        except RunRefused as error:
            return Response({"detail": str(error)}, status=status.HTTP_409_CONFLICT)
        headers = {"Location": reverse("windsock:api-run-detail", args=[run.pk])}
        return Response(run_json(run), status=status.HTTP_202_ACCEPTED, headers=headers)
