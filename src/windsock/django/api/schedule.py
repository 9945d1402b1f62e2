"""When a workflow will run by itself: ``/api/workflows/<id>/schedule/``."""

from datetime import datetime
from typing import Any

from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from windsock import wire
from windsock.django.api.editing import newest_document
from windsock.django.api.signed_in import SignedIn
from windsock.django.models import Workflow, WorkflowRun
from windsock.django.timetable import next_times
from windsock.workflow import Schedule

COUNT, MOST = 10, 100


class ScheduledWorkflows(SignedIn, GenericViewSet[Workflow]):
    """The next times of a workflow."""

    @action(detail=True)
    def schedule(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with the next ``count`` times; none when it runs only when asked, or is retired."""
        count, workflow = _count(request.query_params.get("count", "")), self.get_object()
        document = newest_document(workflow) or {}
        schedule = wire.from_json(Schedule, document.get("schedule", {}))
        return Response(times_of(schedule, count, last=_last(workflow)))


def times_of(
    schedule: Schedule, count: int = COUNT, *, last: datetime | None = None
) -> dict[str, list[datetime]]:
    """Return what REST says of a sound schedule, whose newest run by itself was that of ``last``."""
    return {"times": next_times(schedule, count=count, last=last)}


def _last(workflow: Workflow) -> datetime | None:
    runs = workflow.runs.filter(origin=WorkflowRun.Origin.SCHEDULE, logical_date__isnull=False)
    return runs.order_by("-id").values_list("logical_date", flat=True).first()


def _count(value: str) -> int:
    if not value:
        return COUNT
    if not (value.isascii() and value.isdigit() and len(value) < 9 and 1 <= int(value) <= MOST):
        raise ValidationError({"count": [f"Give a whole number from 1 to {MOST}."]})
    return int(value)
