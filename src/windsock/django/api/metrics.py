"""``GET /api/metrics/``: numbers for Prometheus."""

from typing import Any

from django.http import HttpResponse
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from windsock.django import metrics
from windsock.django.api.signed_in import SignedIn


class SeesEverything(IsAuthenticated):
    """For holders of ``windsock.view_taskrun``."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the user may see everybody's tasks."""
        return super().has_permission(request, view) and request.user.has_perm("windsock.view_taskrun")


class PlainText(BaseRenderer):
    """What is refused, as one line of text."""

    media_type = "text/plain"
    format = "txt"

    def render(self, data: Any, *_: Any, **__: Any) -> bytes:
        """Return the sentence of an error."""
        return f"{data.get('detail', data) if isinstance(data, dict) else data}\n".encode()


class MetricsView(SignedIn):
    """Numbers about the record and its queues, in Prometheus' text format."""

    permission_classes = (SeesEverything,)
    renderer_classes = (PlainText, JSONRenderer)

    def get(self, request: Request) -> HttpResponse:
        """Answer with plain text, whoever asks."""
        text, content_type = metrics.scrape()
        return HttpResponse(text, content_type=content_type)
