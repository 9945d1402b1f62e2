import logging
import subprocess
import sys
from typing import Any

import pytest
from django.urls import URLPattern
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator

from windsock.django import urls
from windsock.django.api.schema import document

Made = dict[str, Any]
#: Addresses under /api/ that are pages and their parts.
PAGES = {"api-docs", "api-docs-asset"}


def test_the_document_is_valid_openapi_3_1(made: Made) -> None:
    assert made["openapi"] == "3.1.0"
    validate_schema(made)


def test_every_form_in_it_is_valid_json_schema(made: Made, made_of_project: Made) -> None:
    for each in (made, made_of_project):
        for form in each["components"]["schemas"].values():
            Draft202012Validator.check_schema(form)


def test_every_reference_leads_somewhere(made: Made) -> None:
    missing = [name for name in references(made) if not exists(made, name)]
    assert not missing


def references(part: Any) -> list[str]:
    if isinstance(part, dict):
        here = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return here + [name for value in part.values() for name in references(value)]
    return [name for value in part for name in references(value)] if isinstance(part, list) else []


def exists(made: Made, name: str) -> bool:
    place: Any = made
    for key in name.removeprefix("#/").split("/"):
        if key not in place:
            return False
        place = place[key]
    return True


def test_drf_spectacular_has_nothing_to_complain_of(made: Made) -> None:
    document._made.cache_clear()
    document.document()
    assert dict(GENERATOR_STATS._warn_cache) == {}
    assert dict(GENERATOR_STATS._error_cache) == {}


def test_no_address_of_the_api_is_left_out(made: Made) -> None:
    for name in sorted(names(urls.urlpatterns) - PAGES):
        paths = {document._path(name, has_key=has_key) for has_key in (False, True)} - {""}
        assert paths <= set(made["paths"]), name


def names(patterns: Any) -> set[str]:
    """The names of what the library serves under /api/."""
    found: set[str] = set()
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            found |= {pattern.name or ""}
        else:
            found |= names(pattern.url_patterns)
    return {name for name in found if name.startswith("api-")}


def test_operations_have_names_of_their_own(made_of_project: Made) -> None:
    ids = [
        operation["operationId"] for way in made_of_project["paths"].values() for operation in way.values()
    ]
    assert len(ids) == len(set(ids))
    assert {"list_tasks", "user_create", "colleague_partial_update"} <= set(ids)


def test_a_projects_own_views_are_described_as_well_as_it_goes(made_of_project: Made) -> None:
    validate_schema(made_of_project)
    paths = made_of_project["paths"]
    assert "/shop/plain/{id}/" in paths
    assert {"/shop/none/", "/shop/function/", "/shop/loose/"} <= set(paths)
    assert "/shop/page/" not in paths
    assert "/inner/api/tasks/" in paths
    assert paths["/shop/plain/"]["get"]["security"][0] == {"bearerAuth": []}


def test_a_view_that_cannot_be_described_is_left_out_and_said(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    document._made.cache_clear()
    settings.ROOT_URLCONF = "tests.django.api.schema.project"
    with caplog.at_level(logging.WARNING):
        paths = document.document()["paths"]
    assert "get" not in paths["/shop/broken/"]
    assert "post" in paths["/shop/broken/"]
    assert "GET /shop/broken/ is left out" in caplog.text


def test_a_project_may_name_its_api(settings: Any, made: Made) -> None:
    assert made["info"]["title"] == "REST API"
    settings.SPECTACULAR_SETTINGS = {"TITLE": "Shop", "OAS_VERSION": "3.0.3"}
    document._made.cache_clear()
    try:
        # drf-spectacular reads its own settings once, when it is imported.
        assert document.document()["openapi"] == "3.1.0"
    finally:
        document._made.cache_clear()


def test_making_it_again_gives_the_same(made: Made) -> None:
    document._made.cache_clear()
    assert document.document() == made


@pytest.mark.urls("windsock.django.project_urls")
def test_a_project_under_a_prefix_says_where_its_paths_begin() -> None:
    from django.urls import set_script_prefix

    set_script_prefix("/site/")
    try:
        made = document.document()
    finally:
        set_script_prefix("/")
    assert made["servers"] == [{"url": "/site"}]
    assert {"/api/", "/api/tasks/"} <= set(made["paths"])


def test_nothing_of_it_is_imported_before_somebody_asks() -> None:
    code = (
        "import sys, django; django.setup()\n"
        "from django.urls import get_resolver; get_resolver().url_patterns\n"
        "assert 'windsock.django.api.schema.views' in sys.modules\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('drf_spectacular', 'jsonschema')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
