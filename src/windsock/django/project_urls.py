"""A project's own URLs, then the admin and Windsock's where the project has not included them."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from django.conf import urls as django_urls
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from windsock.django.conf import settings


def has(patterns: Iterable[URLPattern | URLResolver], app_name: str) -> bool:
    """Whether an app's URLs are included somewhere in ``patterns``."""
    return any(
        isinstance(pattern, URLResolver)
        and (pattern.app_name == app_name or has(pattern.url_patterns, app_name))
        for pattern in patterns
    )


def handler(name: str) -> Any:
    """Return the error view that the project names, else Django's own."""
    return getattr(project, name, getattr(django_urls, name))


# Not include(): Django allows i18n_patterns and error handlers in the root configuration alone.
project = import_module(settings.PROJECT_URLCONF) if settings.PROJECT_URLCONF else None
urlpatterns: list[URLPattern | URLResolver] = [*getattr(project, "urlpatterns", ())]
if not has(urlpatterns, "admin"):
    urlpatterns.append(path("admin/", admin.site.urls))
if not has(urlpatterns, "windsock"):
    urlpatterns.append(path("", include("windsock.django.urls")))
handler400, handler403, handler404, handler500 = map(
    handler, ("handler400", "handler403", "handler404", "handler500")
)
