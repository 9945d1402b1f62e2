import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, clear_url_caches, get_resolver, include, path, reverse, set_urlconf
from django.views.defaults import server_error
from pytest_django import Settings

from windsock.django import project_urls

NAME = "windsock.django.project_urls"


def own(request: HttpRequest) -> HttpResponse:
    return HttpResponse("own")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    sys.modules.pop(NAME, None)
    clear_url_caches()
    set_urlconf(None)


@pytest.fixture
def project(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give the project this URL configuration, and ours on top of it."""

    def configure(*patterns: Any, **names: Any) -> ModuleType:
        module = ModuleType("bare_urls")
        module.__dict__.update(urlpatterns=list(patterns), **names)
        monkeypatch.setitem(sys.modules, "bare_urls", module)
        settings.WINDSOCK = {**settings.WINDSOCK, "PROJECT_URLCONF": "bare_urls"}
        sys.modules.pop(NAME, None)
        clear_url_caches()
        return __import__(NAME, fromlist=["urlpatterns"])

    return configure


def resolve(url: str) -> str:
    return get_resolver(NAME).resolve(url).view_name


def test_the_projects_own_urls_come_first(project: Any) -> None:
    project(path("windsock/", own, name="own"))
    assert resolve("/windsock/") == "own"
    assert resolve("/windsock/health/") == "windsock:health"
    assert resolve("/admin/") == "admin:index"


def test_what_the_project_includes_is_not_included_twice(project: Any) -> None:
    module = project(
        path("inner/", include([path("office/", admin.site.urls)])),
        path("w/", include("windsock.django.urls")),
    )
    assert len(module.urlpatterns) == 2
    assert resolve("/inner/office/") == "admin:index"
    assert resolve("/w/windsock/health/") == "windsock:health"
    with pytest.raises(Resolver404):
        resolve("/admin/")


def test_error_pages_of_the_project_stay(project: Any) -> None:
    module = project(handler404=own)
    assert module.handler404 is own
    assert module.handler500 is server_error


def test_translated_addresses_stay_in_the_root(project: Any, settings: Settings) -> None:
    project(*i18n_patterns(path("own/", own, name="own")))
    assert resolve("/en-us/own/") == "own"


def test_a_project_without_urls_has_admin_and_windsock() -> None:
    assert project_urls.has(project_urls.urlpatterns, "admin")
    assert reverse("windsock:overview") == "/windsock/"
