"""Documents that are almost right are published or refused, and never break anything."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient
from tests.django import jobs
from tests.django.api.conftest import Person

pytestmark = pytest.mark.django_db
ROOT = "/api/workflows/"
DOCUMENT: dict[str, Any] = {
    "id": "report",
    "title": "Report",
    "steps": [
        {
            "name": "sum",
            "task": jobs.add.module_path,
            "args": [1, {"a": [None, 2.5]}],
            "kwargs": {"b": "{{ params.day }}"},
            "retry": {"limit": 1, "delay_seconds": 5, "backoff": True, "max_delay_seconds": 60},
            "timeout_seconds": 1.5,
            "pool": "default_pool",
            "priority": 1,
            "queue": "",
            "group": "load.files",
            "trigger_rule": "all_success",
        },
        {"name": "again", "task": jobs.add.module_path, "after": ["sum"], "args": ["{{ results.sum }}"]},
    ],
    "schedule": {
        "cron": ["0 6 * * *"],
        "every_seconds": None,
        "start": "2026-01-01T00:00:00Z",
        "end": "2030-01-01T00:00:00+05:30",
        "timezone": "Europe/Berlin",
        "catchup": False,
    },
    "params": {"day": {"default": "mon", "schema": {"type": "string", "enum": ["mon"]}, "description": ""}},
    "max_active_runs": 16,
    "owner": "ann",
    "tags": ["x"],
    "notify": ["ann@example.org"],
}
ODD = (
    *(
        "",
        " ",
        "\x00",
        "\ud800",
        "a" * 300,
        "a" * 10_000,
        "../x",
        "{{ x }}",
        "{% for a in b %}",
        "é",
        "\n",
        "*",
    ),
    *(
        "@daily",
        "* * * * *",
        "0 0 31 2 *",
        "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "2200-01-01T00:00Z",
    ),
    *(
        0,
        -1,
        1,
        2**31,
        2**63,
        10**400,
        0.5,
        -0.0,
        1e16,
        1e300,
        1e-300,
        True,
        None,
        [],
        {},
        [[]],
        [None],
        {"": None},
    ),
    *({"$ref": "#"}, {"$ref": "http://x"}, {"type": "nothing"}, {"pattern": "("}, {"a": {"a": {"a": 1}}}),
)


def places(part: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a document with each of its keys."""
    keys = list(part) if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ()
    for key in keys:
        yield part, key
        yield from places(part[key])


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """The document with one to three odd things in it."""
    made = copy.deepcopy(DOCUMENT)
    for _ in range(draw(st.integers(1, 3))):
        where, key = draw(st.sampled_from(list(places(made))))
        match draw(st.sampled_from(["replace", "replace", "add", "drop"])):
            case "replace":
                where[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
            case "add" if isinstance(where, dict):
                where[draw(st.sampled_from(["", "\ud800", "x", "every", "type", "a.b"]))] = 1
            case _ if isinstance(where, dict):
                del where[key]
    return made


@pytest.fixture
def editor(person: Person) -> APIClient:
    return person("view_workflow", "add_workflowdefinition", "change_workflowdefinition")


def send(ask: Any, path: str, data: Any) -> Any:
    """Send what the client's own renderer could not write: lone surrogates."""
    return ask(path, json.dumps(data), content_type="application/json")


@given(document=documents())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_odd_document_is_published_or_refused(editor: APIClient, document: dict[str, Any]) -> None:
    answers = [
        send(editor.post, ROOT, document | {"id": "new"} if document.get("id") == "report" else document),
        send(editor.post, ROOT, DOCUMENT),
        send(editor.put, f"{ROOT}report/", document),
        send(editor.patch, f"{ROOT}report/", document),
        send(editor.post, f"{ROOT}preview/", {"schedule": document.get("schedule")}),
    ]
    assert {answer.status_code for answer in answers} <= {200, 201, 400}
    for answer in answers:
        places_told = answer.json() if answer.status_code == 400 else {}
        assert all(isinstance(messages, list | str) for messages in places_told.values())
    for id in ("new", "report"):
        shown = editor.get(f"{ROOT}{id}/").json()
        if "definition" in shown:
            assert editor.put(f"{ROOT}{id}/", shown["definition"]).status_code == 200
            assert editor.get(f"{ROOT}{id}/schedule/").status_code == 200
