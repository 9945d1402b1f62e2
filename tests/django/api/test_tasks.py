from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from windsock.django.api.tasks import result_json, task_json
from windsock.django.models import TaskRun
from windsock.run import Status

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.django.api.project")]

KEYS = {
    *("id", "status", "task_name", "created_at", "updated_at", "input_data", "result", "progress"),
    *("related_table", "related_id", "operation"),
}


def create(**values: Any) -> TaskRun:
    return TaskRun.objects.create(**{"task": "shop.tasks.sync", "name": "sync"} | values)


def test_a_task_has_exactly_the_promised_keys() -> None:
    body = task_json(create())

    assert set(body) == KEYS
    assert (body["related_table"], body["related_id"], body["operation"]) == (None, None, None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"status": Status.PENDING, "progress": 0}, {"progress": 0}),
        ({"status": Status.PENDING, "progress": 30}, {"progress": 0}),
        ({"status": Status.PROCESSING, "progress": 40}, {"progress": 40}),
        ({"status": Status.DONE, "progress": 100, "result": {"a": 1}}, {"a": 1, "progress": 100}),
        ({"status": Status.DONE, "progress": 100, "result": [1]}, {"value": [1], "progress": 100}),
        ({"status": Status.DONE, "progress": 100, "result": None}, {"value": None, "progress": 100}),
        (
            {"status": Status.FAILED, "progress": 7, "message": "no", "result": {"errors": {"a": ["b"]}}},
            {"success": False, "message": "no", "errors": {"a": ["b"]}, "progress": 7},
        ),
        (
            {"status": Status.FAILED, "progress": 7, "message": "no"},
            {"success": False, "message": "no", "errors": {}, "progress": 7},
        ),
        (
            {"status": Status.CANCELLED, "message": "stopped"},
            {"success": False, "message": "stopped", "errors": {}, "progress": 0},
        ),
        ({"status": Status.SKIPPED, "message": "why"}, {"success": True, "message": "why", "progress": 0}),
    ],
)
def test_every_status_has_its_result(values: dict[str, Any], expected: dict[str, Any]) -> None:
    assert result_json(TaskRun(**values)) == expected


def test_a_task_is_seen_by_its_owner_only(api: APIClient, caller: User) -> None:
    mine, other = create(owner=caller), create()

    assert [each["id"] for each in api.get("/api/tasks/").json()["results"]] == [str(mine.pk)]
    assert api.get(f"/api/tasks/{mine.pk}/").json() == task_json(mine)
    assert api.get(f"/api/tasks/{mine.pk}/status/").json() == task_json(mine)
    for run in (other.pk, uuid4(), "nonsense"):
        assert api.get(f"/api/tasks/{run}/").status_code == 404
        assert api.get(f"/api/tasks/{run}/status/").status_code == 404


def test_who_may_view_the_record_sees_all(api: APIClient, caller: User) -> None:
    run = create()
    caller.user_permissions.add(Permission.objects.get(codename="view_taskrun"))
    api.force_authenticate(User.objects.get(pk=caller.pk))

    assert api.get(f"/api/tasks/{run.pk}/").status_code == 200


def test_a_list_comes_in_pages_with_the_newest_first(api: APIClient, caller: User) -> None:
    runs = sorted((create(owner=caller) for _ in range(3)), key=lambda run: run.pk)

    body = api.get("/api/tasks/?page_size=2").json()

    assert set(body) == {"count", "next", "previous", "results"}
    assert (body["count"], body["previous"]) == (3, None)
    assert [each["id"] for each in body["results"]] == [str(run.pk) for run in (runs[2], runs[1])]
    assert [each["id"] for each in api.get(body["next"]).json()["results"]] == [str(runs[0].pk)]


@pytest.mark.parametrize(
    "query",
    ["status=DONE", "task_name=b", "operation=READ", "related_table=t", "related_id=7", "status=DONE&x=1"],
)
def test_a_list_is_filtered(api: APIClient, caller: User, query: str) -> None:
    create(owner=caller)
    wanted = create(
        owner=caller, status="DONE", name="b", operation="READ", related_table="t", related_id="7"
    )

    assert [each["id"] for each in api.get(f"/api/tasks/?{query}").json()["results"]] == [str(wanted.pk)]


@pytest.mark.parametrize("query", ["status=BROKEN", "operation=ALL"])
def test_a_filter_that_cannot_be_is_refused_by_name(api: APIClient, query: str) -> None:
    response = api.get(f"/api/tasks/?{query}")

    assert response.status_code == 400
    assert set(response.json()) == {query.partition("=")[0]}


def test_the_status_is_one_statement_that_reads(api: APIClient, caller: User) -> None:
    run = create(owner=caller)
    api.get(f"/api/tasks/{run.pk}/status/")

    with CaptureQueriesContext(connection) as statements:
        api.get(f"/api/tasks/{run.pk}/status/")

    assert [each["sql"].split()[0] for each in statements] == ["SELECT"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_record_cannot_be_written(api: APIClient, caller: User, method: str) -> None:
    run = create(owner=caller)

    assert getattr(api, method)(f"/api/tasks/{run.pk}/").status_code == 405
