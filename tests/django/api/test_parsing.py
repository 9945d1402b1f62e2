import json
from io import BytesIO
from typing import Any

import pytest
from django.conf import settings
from django.http import QueryDict
from rest_framework.exceptions import ParseError
from rest_framework.test import APIClient

from windsock.django.api.parsing import DEEPEST, DocumentBody, FormBody, JsonBody, plain
from windsock.django.models import TaskRun

LIMIT = settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def parsed(content: bytes) -> Any:
    return JsonBody().parse(BytesIO(content))


@pytest.mark.parametrize("data", [{"a": [1, 2.5, None, "é"]}, [], "text", None, 10**400])
def test_json_is_read(data: Any) -> None:
    assert parsed(json.dumps(data).encode()) == data


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"\xff",
        b"[NaN]",
        b"[Infinity]",
        b'{"a": [-1e999]}',
        b"1" * 5000,
        b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
        b"[" * 200_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'"' + b"a" * LIMIT + b'"',
    ],
    ids=lambda content: content[:9].decode("latin-1"),
)
def test_what_cannot_be_read_is_refused(content: bytes) -> None:
    with pytest.raises(ParseError):
        parsed(content)


def test_a_body_may_be_nested_up_to_the_limit() -> None:
    assert parsed(b"[" * DEEPEST + b"]" * DEEPEST)


def test_a_document_has_a_limit_of_its_own(settings: Any) -> None:
    longest = b'"' + b"a" * (2**20 - 2) + b'"'
    assert DocumentBody().parse(BytesIO(longest))
    with pytest.raises(ParseError):
        DocumentBody().parse(BytesIO(longest + b" "))
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    with pytest.raises(ParseError):
        DocumentBody().parse(BytesIO(longest))


@pytest.mark.parametrize("content", [b"a=1&" * 5000, b"a=" + b"1" * LIMIT])
def test_a_form_has_its_limits(content: bytes) -> None:
    with pytest.raises(ParseError):
        FormBody().parse(BytesIO(content))


def test_a_form_stands_for_json() -> None:
    assert plain(QueryDict("a=1&b=2&b=3&c=")) == {"a": "1", "b": ["2", "3"], "c": ""}
    assert plain(["a"]) == ["a"]


@pytest.mark.django_db
@pytest.mark.urls("tests.django.api.project")
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"[" * 100_000, "application/json"),
        (b"{", "application/json; charset=zlib"),
        (b"username=a", "application/x-www-form-urlencoded; charset=zlib"),
        (b'{"username": "a", "more": 1e999}', "application/json"),
        (json.dumps({"username": "a", "more": "a" * 300_000}).encode(), "application/json"),
        (json.dumps({"username": "a", "\ud800": 1}).encode(), "application/json"),
        (json.dumps({"username": "a", "\x00": 1}).encode(), "application/json"),
        (json.dumps({"username": "\ud800"}).encode(), "application/json"),
    ],
)
def test_no_body_is_a_server_error(api: APIClient, content: bytes, kind: str) -> None:
    for key in ({}, {"Idempotency-Key": "k"}):
        response = api.generic("POST", "/api/users/", content, content_type=kind, headers=key)

        assert response.status_code == (202 if b"=a" in content else 400), response.content
        assert response["Cache-Control"] == "no-store"
    assert TaskRun.objects.count() == (1 if b"=a" in content else 0) * 2
