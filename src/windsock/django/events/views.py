"""``/api/tasks/events/`` and ``/api/tasks/<id>/events/``: the record as server-sent events.

Plain asynchronous views: the REST framework's part, who asks and what for, is done in a thread before the
stream begins.
"""

from collections import defaultdict
from typing import Any
from uuid import UUID
from weakref import WeakSet

from django.contrib.auth.decorators import login_not_required
from django.core.handlers.asgi import ASGIRequest
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from windsock.django.api.signed_in import SignedIn
from windsock.django.conf import settings
from windsock.django.events.desks import counter
from windsock.django.events.positions import Position
from windsock.django.events.streams import Stream
from windsock.django.events.viewers import Viewer
from windsock.run import FINISHED

HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    # Else GZipMiddleware keeps events back until it has a block of them.
    "Content-Encoding": "identity",
}
NO_ASGI = "Event streams need an ASGI server, for example uvicorn; this one would block a thread for each."

_open: defaultdict[Any, WeakSet[Stream]] = defaultdict(WeakSet)


class AnyKind(BaseContentNegotiation):
    """Answers in JSON, whatever is asked for: who wants an event stream gets errors too."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        """Return the first renderer."""
        return renderers[0], renderers[0].media_type

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return the first parser."""
        return parsers[0]


class Door(SignedIn):
    """Who asks, and may that be shown? Its answer is used only when there is no stream."""

    content_negotiation_class = AnyKind
    http_method_names = ["get", "head", "options"]  # noqa: RUF012
    viewer: Viewer | None = None
    task: UUID | None = None
    since: Position | None = None

    def answer(self, request: HttpRequest, pk: str | None) -> HttpResponseBase:
        """Do what a view does; ``viewer`` is set afterwards if a stream may begin."""
        kwargs = {} if pk is None else {"pk": pk}
        self.setup(request, **kwargs)
        response = self.dispatch(request, **kwargs)
        return response.render() if isinstance(response, Response) else response

    def get(self, request: Request, pk: str | None = None) -> Response:
        """Let in who is signed in and may see the task.

        Raises:
            ValidationError: the id of the last event is none.
        """
        self.since = _last_event(request)
        viewer = Viewer.of(request)
        if pk is not None:
            run = get_object_or_404(viewer.runs().only("id", "status", "updated_at"), pk=pk)
            self.task = run.pk
            if self.since and run.status in FINISHED and Position(run.updated_at, run.pk) <= self.since:
                # A browser comes back after the end of a stream, unless it is told not to.
                return Response(status=204)
        if request.method == "GET":
            self.viewer = viewer
        return Response(content_type="text/event-stream", headers=HEADERS)


@csrf_exempt
@login_not_required
async def events(request: HttpRequest, pk: str | None = None) -> HttpResponseBase:
    """Stream the states of one task, or of all that the caller may see."""
    if not isinstance(request, ASGIRequest):
        return JsonResponse({"detail": NO_ASGI}, status=501, headers={"Cache-Control": "no-store"})
    door = Door()
    response = await counter.ask(door.answer, request, pk)
    if door.viewer is None:
        return response
    stream = Stream(door.viewer, door.task, door.since)
    if not _admit(stream):
        return _too_many()
    return StreamingHttpResponse(stream, content_type="text/event-stream", headers=HEADERS)


def _admit(stream: Stream) -> bool:
    """Count the stream among its user's, until it is closed, or gone before it began."""
    for user in [user for user, streams in _open.items() if all(each.closed for each in streams)]:
        del _open[user]
    streams = _open[stream.viewer.user.pk]
    if sum(not each.closed for each in streams) >= int(settings.STREAMS_PER_USER):
        return False
    streams.add(stream)
    return True


def _too_many() -> HttpResponse:
    detail = f"At most {settings.STREAMS_PER_USER} event streams may be open at the same time."
    headers = {"Cache-Control": "no-store", "Retry-After": "10"}
    return JsonResponse({"detail": detail}, status=429, headers=headers)


def _last_event(request: Request) -> Position | None:
    text = request.headers.get("Last-Event-ID") or request.query_params.get("last_event_id")
    try:
        return Position.parse(text) if text else None
    except ValueError as error:
        raise ValidationError({"last_event_id": [str(error)]}) from error


for _alias in connections:
    events = transaction.non_atomic_requests(using=_alias)(events)

urlpatterns = [
    path("tasks/events/", events, name="api-task-events"),
    path("tasks/<str:pk>/events/", events, name="api-task-events"),
]
