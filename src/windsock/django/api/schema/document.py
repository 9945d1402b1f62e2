"""The OpenAPI document of everything under the project's URLs, made by drf-spectacular."""

import json
import logging
import threading
import weakref
from functools import lru_cache
from importlib.metadata import version
from typing import Any
from uuid import UUID

from django.conf import settings as django_settings
from django.urls import NoReverseMatch, get_script_prefix, reverse
from django.utils import translation
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry
from drf_spectacular.settings import patched_settings
from rest_framework.renderers import JSONRenderer

from windsock.django.api.schema.components import COMPONENTS, Schema
from windsock.django.api.schema.endpoints import PLAIN
from windsock.django.api.schema.inspection import inspector_for
from windsock.django.api.schema.operations import TAGS, refusals, security_schemes

logger = logging.getLogger(__name__)
#: What a project's SPECTACULAR_SETTINGS may say otherwise.
DEFAULTS: dict[str, Any] = {
    "TITLE": "REST API",
    "VERSION": version("windsock"),
    "DESCRIPTION": "Sign in with this site's login or with a token of `manage.py windsock_token`. "
    "What starts work answers 202 at once; its task tells how it goes.",
    "TAGS": [{"name": name, "description": text} for name, text in TAGS.items()],
    "COMPONENT_SPLIT_REQUEST": True,
}
_NOBODY = str(UUID(int=0))
_one_at_a_time = threading.Lock()


class Generator(SchemaGenerator):
    """Describes Windsock's views without a word in them, and takes a project's views as they come."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._kept: list[AutoSchema] = []

    def create_view(self, callback: Any, method: str, request: Any = None) -> Any:
        """Return the view with what describes it."""
        view = super().create_view(callback, method, request)  # type: ignore[no-untyped-call]
        schema = inspector_for(view)
        _guard(schema)
        # Django REST framework keeps a view for as long as its schema lives, and the schema knows the view.
        self._kept.append(schema)
        view.schema = weakref.proxy(schema)
        return view

    def get_schema(self, request: Any = None, public: bool = False) -> Schema:
        """Return the document; Windsock's own forms come last, so that no hook touches them."""
        made: Schema = super().get_schema(request, public)  # type: ignore[no-untyped-call]
        components = made.setdefault("components", {})
        ours = {"schemas": COMPONENTS, "responses": refusals(), "securitySchemes": security_schemes()}
        for kind, forms in ours.items():
            components[kind] = dict(sorted({**components.get(kind, {}), **forms}.items()))
        return made

    def parse(self, input_request: Any, public: bool) -> Schema:
        """Return the paths, those of views that are not Django REST framework's too."""
        paths: Schema = super().parse(input_request, public)  # type: ignore[no-untyped-call]
        for (name, has_key), endpoint in PLAIN.items():
            if path := _path(name, has_key=has_key):
                paths[path] = {"get": endpoint.operation(path)}
        return dict(sorted(paths.items()))


def document() -> Schema:
    """Return the OpenAPI document of the project, which is made once."""
    with _one_at_a_time:
        return _made(django_settings.ROOT_URLCONF, get_script_prefix())


@lru_cache(maxsize=4)
def _made(urlconf: str, prefix: str) -> Schema:
    project = getattr(django_settings, "SPECTACULAR_SETTINGS", {})
    defaults = {name: value for name, value in DEFAULTS.items() if name not in project}
    forced = {"OAS_VERSION": "3.1.0", "SERVERS": [{"url": prefix.rstrip("/") or "/"}]}
    with translation.override(None), GENERATOR_STATS.silence(), patched_settings(defaults | forced):
        made = Generator(urlconf=urlconf).get_schema(public=True)
        return dict(json.loads(JSONRenderer().render(made)))


def _guard(schema: AutoSchema) -> None:
    """Leave an operation out that cannot be described, instead of having no document at all."""
    inner = schema.get_operation

    def get_operation(
        path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> Schema | None:
        try:
            return inner(path, path_regex, path_prefix, method, registry)
        except Exception:
            logger.warning("%s %s is left out of the API's schema.", method, path, exc_info=True)
            return None

    schema.get_operation = get_operation  # type: ignore[method-assign]


def _path(name: str, *, has_key: bool) -> str:
    """Return the path of an address like "/api/tasks/{id}/events/"; empty: the project does not have it."""
    try:
        found = reverse(f"windsock:{name}", args=(_NOBODY,) if has_key else ())
    except NoReverseMatch:
        return ""
    return "/" + found.removeprefix(get_script_prefix()).replace(_NOBODY, "{id}")
