from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, strategies
from rest_framework.test import APIClient

from windsock.django.api.pagination import Cursor
from windsock.django.models import TaskRun

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.django.api.project")]

Get = Callable[[str], dict[str, Any]]


@pytest.fixture
def get(api: APIClient) -> Get:
    def answer(address: str) -> dict[str, Any]:
        response = api.get(address)
        assert response.status_code == 200, response.content
        body: dict[str, Any] = response.json()
        assert list(body) == ["next", "previous", "results"]
        return body

    return answer


@pytest.fixture
def keys(caller: User) -> list[str]:
    """Of seven tasks of the caller, in the order of their creation; there are others, too."""
    made = []
    for _ in range(7):
        made.append(str(TaskRun.objects.create(name="a", owner=caller).pk))
        TaskRun.objects.create(name="a")
    return made


def ids(page: dict[str, Any]) -> list[str]:
    return [each["id"] for each in page["results"]]


@given(strategies.uuids(), strategies.booleans())
def test_a_cursor_reads_what_it_wrote(key: UUID, is_back: bool) -> None:
    assert Cursor.read(str(Cursor(key=key, is_back=is_back))) == Cursor(key=key, is_back=is_back)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("ordering", ["created_at", "-created_at", ""])
def test_links_lead_through_all_there_and_back(get: Get, keys: list[str], ordering: str, size: int) -> None:
    wanted = keys if ordering == "created_at" else keys[::-1]
    page = get(f"/api/tasks/?ordering={ordering}&page_size={size}")
    assert page["previous"] is None
    there = [page]
    while page["next"]:
        there.append(page := get(page["next"]))
    assert [key for page in there for key in ids(page)] == wanted

    back = [page]
    while page["previous"]:
        back.append(page := get(page["previous"]))

    assert [ids(page) for page in back[::-1]] == [ids(page) for page in there]
    assert ids(get(back[-1]["next"])) == wanted[size : 2 * size] if len(back) > 1 else True


def test_what_comes_meanwhile_moves_no_page(get: Get, keys: list[str], caller: User) -> None:
    first = get("/api/tasks/?page_size=3")
    new = str(TaskRun.objects.create(name="a", owner=caller).pk)

    second = get(first["next"])

    assert ids(second) == keys[::-1][3:6]
    again = get(second["previous"])
    assert ids(again) == ids(first)
    assert ids(get(again["previous"])) == [new]


@pytest.mark.parametrize("ordering", ["created_at", "-created_at"])
def test_an_empty_page_leads_back(get: Get, keys: list[str], ordering: str) -> None:
    first = get(f"/api/tasks/?page_size=3&ordering={ordering}")
    second = get(first["next"])
    TaskRun.objects.exclude(pk__in=ids(first)).delete()
    empty = get(first["next"])
    assert (ids(empty), empty["next"]) == ([], None)
    assert ids(get(empty["previous"])) == ids(first)

    TaskRun.objects.all().delete()
    TaskRun.objects.create(pk=ids(second)[0], name="a", owner=User.objects.get())
    empty = get(second["previous"])
    assert (ids(empty), empty["previous"]) == ([], None)
    assert ids(get(empty["next"])) == ids(second)[:1]


def test_links_keep_the_filters(get: Get, keys: list[str]) -> None:
    TaskRun.objects.filter(pk__in=keys[::2]).update(status="DONE")

    page = get("/api/tasks/?status=DONE&page_size=2")

    assert ids(page) == keys[::-2][:2]
    assert ids(get(page["next"])) == keys[::-2][2:]


@pytest.mark.parametrize(
    "query",
    [
        *("ordering=id", "ordering=-created_at,id", "page_size=0", "page_size=201", "page_size=-1"),
        *("page_size=x", "page_size=²", "page_size=" + "9" * 5000, "cursor=x", "cursor=%00", "cursor=%C3%A9"),
        *("cursor=" + "A" * 5000, "cursor=_" + "A" * 22, "cursor=" + "A" * 22, "cursor=" + "A" * 23 + "="),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(api: APIClient, query: str) -> None:
    response = api.get(f"/api/tasks/?{query}")

    assert response.status_code == 400
    assert set(response.json()) == {query.partition("=")[0]}


@pytest.mark.parametrize("key", [UUID(int=0), UUID(int=(1 << 128) - 1)])
@pytest.mark.parametrize("is_back", [False, True])
@pytest.mark.parametrize("ordering", ["created_at", "-created_at"])
def test_a_cursor_may_stand_at_either_end(get: Get, key: UUID, is_back: bool, ordering: str) -> None:
    cursor = Cursor(key=key, is_back=is_back)

    page = get(f"/api/tasks/?ordering={ordering}&cursor={cursor}")

    for link in filter(None, (page["next"], page["previous"])):
        get(link)


def test_a_page_is_one_statement_and_counts_nothing(api: APIClient, keys: list[str]) -> None:
    api.get("/api/tasks/")
    with CaptureQueriesContext(connection) as statements:
        api.get("/api/tasks/")

    (statement,) = (each["sql"] for each in statements)
    assert "COUNT" not in statement
    assert "traceback" not in statement
