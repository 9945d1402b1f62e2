"""``/api/schema/`` and ``/api/docs/``, for those who are signed in.

Whatever describes the API is imported when somebody asks: drf-spectacular costs memory in every process that
imports it.
"""

import mimetypes
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import yaml
from django.conf import settings as django_settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import HttpHeaders
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from windsock.django.api.signed_in import SignedIn

#: Swagger UI writes styles into its elements and takes pictures out of its style sheet.
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'"
)
ASSETS = frozenset({"swagger-ui.css", "swagger-ui-bundle.js"})
SIDECAR = "drf-spectacular-sidecar"


class YamlRenderer(BaseRenderer):
    """The document as YAML."""

    media_type = "application/yaml"
    format = "yaml"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        """Return the text."""
        return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, encoding="utf-8")


class SchemaView(SignedIn):
    """The API as OpenAPI 3.1; ``?format=yaml`` for YAML."""

    renderer_classes = (JSONRenderer, YamlRenderer)
    schema = None  # told by its address, like the views that are not Django REST framework's

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with the whole document; it is the same for everybody."""
        from windsock.django.api.schema.document import document

        return Response(document())

    def handle_exception(self, exc: Exception) -> Response:
        """Refuse in JSON, whatever was asked for."""
        request = self.request
        request.accepted_renderer = JSONRenderer()
        request.accepted_media_type = JSONRenderer.media_type
        return super().handle_exception(exc)


@never_cache
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show the page on which the API is browsed and tried out."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path(), reverse("windsock:login"))
    header = HttpHeaders.parse_header_name(django_settings.CSRF_HEADER_NAME) or "X-CSRFToken"
    said = {"version": version(SIDECAR), "csrf_header": header}
    response = render(request, "windsock/api_docs.html", said)
    response.headers["Content-Security-Policy"] = POLICY
    return response


@require_safe
@cache_control(max_age=86400, public=True)
def asset(request: HttpRequest, name: str) -> HttpResponse:
    """Serve a part of Swagger UI out of its package, so that a project needs no setting for it."""
    if name not in ASSETS:
        raise Http404
    folder = files(SIDECAR.replace("-", "_")) / "static" / "drf_spectacular_sidecar" / "swagger-ui-dist"
    return HttpResponse((folder / name).read_bytes(), content_type=mimetypes.guess_type(name)[0])


urlpatterns = [
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", docs, name="api-docs"),
    path("docs/<str:name>", asset, name="api-docs-asset"),
]
