"""A request as data, so that a worker can stand where the caller stood."""

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from django.contrib.auth import get_user_model
from django.core.handlers.wsgi import WSGIRequest
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from windsock import wire
from windsock.django.execution import Refused
from windsock.errors import UnknownTask

_registry: dict[str, type[GenericViewSet[Any]]] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """What has to be known of a request to repeat it; the body stands in the record's ``input_data``."""

    view: str  #: path of a registered view set
    action: str  #: "create"
    method: str  #: "POST"
    scheme: str
    host: str
    path: str
    query: str = ""
    kwargs: Mapping[str, str] = field(default_factory=dict)  #: from the URL
    options: Mapping[str, Any] = field(default_factory=dict)  #: what the router told the view set


def register(view_set: type[GenericViewSet[Any]]) -> None:
    """Let ``rebuild`` use a view set."""
    _registry[path_of(view_set)] = view_set


def path_of(view_set: type) -> str:
    """Return the name under which a view set is registered."""
    return f"{view_set.__module__}.{view_set.__qualname__}"


def visit_of(view: GenericViewSet[Any], request: Request) -> Visit:
    """Return the request that ``view`` is answering, as data."""
    return Visit(
        view=path_of(type(view)),
        action=str(view.action),
        method=str(request.method),
        scheme=str(request.scheme),
        host=request.get_host(),
        path=request.path,
        query=str(request.META.get("QUERY_STRING", "")),
        kwargs={name: str(value) for name, value in view.kwargs.items()},
        options={"basename": view.basename, "detail": view.detail},
    )


def rebuild(visit: Mapping[str, Any], body: Any, owner: Any) -> GenericViewSet[Any]:
    """Return the view set as it stood before the request, with the stored user as the caller.

    Args:
        visit: the JSON of a ``Visit``.
        body: JSON data.
        owner: primary key of the user who asked.

    Raises:
        Refused: that user is gone or not active any more.
        UnknownTask: the view set is gone.
    """
    seen = wire.from_json(Visit, visit)
    user = get_user_model()._default_manager.filter(pk=owner).first()
    if user is None or not user.is_active:
        raise Refused("The account that asked for this is not active any more.")
    view = _find(seen.view)(**seen.options)
    # The caller was authenticated when the request came; whoever that was is in the record.
    view.authentication_classes = ()
    view.parser_classes = (JSONParser,)
    view.args, view.kwargs, view.format_kwarg = (), dict(seen.kwargs), None
    view.action_map = {seen.method.lower(): seen.action}
    request = view.initialize_request(_request(seen, body), **seen.kwargs)
    request.user, request.auth = user, None
    view.request = request
    negotiated = view.perform_content_negotiation(request, force=True)
    request.accepted_renderer, request.accepted_media_type = negotiated
    request.version, request.versioning_scheme = view.determine_version(request, **seen.kwargs)
    return view


def _find(path: str) -> type[GenericViewSet[Any]]:
    if path not in _registry:
        try:
            importlib.import_module(path.rpartition(".")[0])
        except ImportError as error:
            raise UnknownTask(f"The view set {path!r} cannot be imported: {error}") from error
    if path not in _registry:
        raise UnknownTask(f"There is no view set {path!r}.")
    return _registry[path]


def _request(visit: Visit, body: Any) -> WSGIRequest:
    content = b"" if body is None else json.dumps(body).encode()
    name, _, port = visit.host.partition(":")
    return WSGIRequest(
        {
            "REQUEST_METHOD": visit.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": visit.path,
            "QUERY_STRING": visit.query,
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(content)),
            "HTTP_HOST": visit.host,
            "SERVER_NAME": name,
            "SERVER_PORT": port or "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": visit.scheme,
            "wsgi.input": BytesIO(content),
        }
    )
