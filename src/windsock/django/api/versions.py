"""The versions of a workflow over REST: ``/api/workflows/<id>/versions/``."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.viewsets import ReadOnlyModelViewSet

from windsock.django.actions import versions
from windsock.django.api import catalogue
from windsock.django.api.editing import detail_json
from windsock.django.api.idempotency import idempotent
from windsock.django.api.pagination import Pages
from windsock.django.api.permissions import Needed
from windsock.django.api.signed_in import NoForm, SignedIn
from windsock.django.api.throttling import when_starting
from windsock.django.models import Workflow, WorkflowVersion

LARGEST = 2**63 - 1  #: revision


class VersionViewSet(SignedIn, ReadOnlyModelViewSet[WorkflowVersion]):
    """What was published of one workflow, the newest first; a version never changes."""

    permission_classes = (Needed,)
    needs = {  # noqa: RUF012
        "list": "windsock.view_workflow",
        "retrieve": "windsock.view_workflow",
        "difference": "windsock.view_workflow",
        "rollback": "windsock.change_workflow",
    }
    pagination_class = Pages
    lookup_field = "revision"
    serializer_class = NoForm

    def get_queryset(self) -> QuerySet[WorkflowVersion]:
        """Return the versions of the workflow that the address names."""
        return catalogue.versions_of(self.kwargs["id"])

    def get_throttles(self) -> list[BaseThrottle]:
        """Limit what starts work."""
        return [*super().get_throttles(), *when_starting(self, ("rollback",))]

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with a page."""
        self._workflow()
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response([catalogue.version_json(version) for version in page or ()])

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with one and its document, which is null where the workflow was retired."""
        version = self._version()
        return Response(catalogue.version_json(version) | {"document": version.document})

    @action(detail=True)
    def difference(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with what changed since ``from``, by default since the version before."""
        newer = self._version()
        older = self._older(request.query_params.get("from", ""), newer)
        changes = [
            {"path": each.path, "kind": each.kind, "before": each.before, "after": each.after}
            for each in versions.difference(older, newer)
        ]
        return Response({"from": older.revision, "to": newer.revision, "changes": changes})

    @action(detail=True, methods=["post"])
    @idempotent
    def rollback(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Publish this version's document once more, as the newest."""
        revision = _number(self.kwargs["revision"])
        self._version()
        versions.rollback(self._workflow(), revision, user=request.user)
        return Response(detail_json(self._workflow()))

    def _workflow(self) -> Workflow:
        workflow = catalogue.workflows().filter(pk=self.kwargs["id"]).first()
        if workflow is None:
            raise Http404
        return workflow

    def _version(self) -> WorkflowVersion:
        version = self._of(_number(self.kwargs["revision"]))
        if version is None:
            raise Http404
        return version

    def _of(self, revision: int) -> WorkflowVersion | None:
        return self.get_queryset().filter(revision=revision).first()

    def _older(self, given: str, newer: WorkflowVersion) -> WorkflowVersion:
        if given:
            older = self._of(_number(given))
            if older is None:
                message = f"{newer.workflow_id} has no revision of this number."
                raise ValidationError({"from": [message]})
            return older
        before = self.get_queryset().filter(revision__lt=newer.revision).first()
        return before or WorkflowVersion(workflow_id=newer.workflow_id)


def _number(text: str) -> int:
    """Return a revision; 0, which is none's, when it cannot be one."""
    is_number = text.isascii() and text.isdigit() and len(text) < 20
    return int(text) if is_number and int(text) <= LARGEST else 0
