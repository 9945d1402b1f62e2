"""When a schedule would run that nobody has saved yet: ``POST /api/workflows/preview/``."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from windsock.django import compiler
from windsock.django.api.documents import read
from windsock.django.api.parsing import plain
from windsock.django.api.permissions import Needed
from windsock.django.api.schedule import times_of
from windsock.django.api.signed_in import SignedIn
from windsock.django.api.workflows import WorkflowViewSet
from windsock.errors import InvalidWorkflow
from windsock.workflow import Schedule

NAME = "preview"
_workflow = WorkflowViewSet.as_view(
    {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewBody:
    """What is asked of ``/api/workflows/preview/``."""

    schedule: Schedule


class SchedulePreview(SignedIn):
    """The next times of the schedule in the body."""

    permission_classes = (Needed,)
    action = NAME
    needs = {NAME: "windsock.view_workflow"}  # noqa: RUF012

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Leave what is no question about a schedule to the workflow that happens to have this name."""
        if request.method in {"GET", "HEAD", "PUT", "PATCH", "DELETE"}:
            return _workflow(request, pk=NAME)
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with the next ten times.

        Raises:
            InvalidWorkflow: the schedule is not sound.
        """
        schedule = read(PreviewBody, plain(request.data)).schedule
        if problems := tuple(compiler.schedule_problems(schedule)):
            raise InvalidWorkflow(problems)
        return Response(times_of(schedule))
