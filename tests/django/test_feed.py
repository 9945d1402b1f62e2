import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import path

from windsock import signing
from windsock.django import feed
from windsock.django.actions import refusals, revisions
from windsock.django.conf import settings
from windsock.django.models import Workflow, WorkflowVersion

urlpatterns = [path(f"windsock/feed/{p.pattern}", p.callback) for p in feed.urlpatterns]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
ROOT = "/windsock/feed/"


@pytest.fixture
def airflow() -> Client:
    token = signing.sign(settings.FEED_KEY, feed.AUDIENCE)
    return Client(headers={"authorization": f"Bearer {token}"}, enforce_csrf_checks=True)


def publish(workflow: str, document: dict[str, Any] | None) -> None:
    Workflow.objects.get_or_create(id=workflow, source="test")
    WorkflowVersion.objects.create(workflow_id=workflow, digest="", document=document)
    revisions.number()


@pytest.fixture
def history() -> None:
    for workflow, document in (("a", {"n": 1}), ("b", {"n": 2}), ("a", {"n": 3}), ("b", None)):
        publish(workflow, document)


@pytest.mark.usefixtures("history")
def test_the_newest_version_of_each_workflow_is_told(airflow: Client) -> None:
    assert airflow.get(ROOT).json() == {
        "protocol": 1,
        "revision": 4,
        "entries": [
            {"workflow": "a", "revision": 3, "document": {"n": 3}},
            {"workflow": "b", "revision": 4, "document": None},
        ],
    }


@pytest.mark.usefixtures("history")
def test_only_what_came_later_is_told(airflow: Client) -> None:
    answer = airflow.get(ROOT, {"after": "3"}).json()

    assert [entry["workflow"] for entry in answer["entries"]] == ["b"]


@pytest.mark.usefixtures("history")
def test_nothing_changed_costs_one_query(airflow: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        answer = airflow.get(ROOT, {"after": "4"}).json()

    assert answer == {"protocol": 1, "revision": 4, "entries": []}


@pytest.mark.usefixtures("history")
def test_a_reader_that_is_ahead_sees_that_history_began_anew(airflow: Client) -> None:
    assert airflow.get(ROOT, {"after": "9"}).json() == {"protocol": 1, "revision": 4, "entries": []}


@pytest.mark.usefixtures("history")
def test_news_and_none_cost_one_indexed_query_among_many(
    airflow: Client, django_assert_num_queries: Any
) -> None:
    names = [f"w{number}" for number in range(2_000)]
    Workflow.objects.bulk_create([Workflow(id=name, source="test") for name in names])
    WorkflowVersion.objects.bulk_create(
        [WorkflowVersion(workflow_id=name, digest="", document={"n": 1}) for name in names]
    )
    revisions.number()
    newest = 4 + len(names)
    for after, changed in ((newest, 0), (newest - 1, 1)):
        with django_assert_num_queries(1) as queries:
            assert len(airflow.get(ROOT, {"after": str(after)}).json()["entries"]) == changed
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE windsock_workflowversion")
            cursor.execute("EXPLAIN " + queries.captured_queries[0]["sql"])
            plan = str(cursor.fetchall())
        assert plan.count("windsock_workflowversion_revision_key") == 2
        assert "Seq Scan" not in plan


@pytest.mark.usefixtures("history")
def test_a_refused_version_is_told_as_such_with_the_one_in_force(airflow: Client) -> None:
    publish("c", {"n": 5})
    for revision, document in ((6, {"n": 6}), (7, {"n": 7})):
        publish("a", document)
        refusals.report("a", revision, "no such pool")

    def told(after: int) -> list[tuple[str, int, bool]]:
        entries = airflow.get(ROOT, {"after": str(after)}).json()["entries"]
        return [(entry["workflow"], entry["revision"], entry.get("refused", False)) for entry in entries]

    assert told(0) == [("a", 3, False), ("b", 4, False), ("c", 5, False), ("a", 7, True)]
    assert told(5) == [("a", 7, True)]
    publish("a", {"n": 8})
    assert told(5) == [("a", 8, False)]


@pytest.mark.usefixtures("history")
def test_a_refused_version_was_in_force_at_no_revision(airflow: Client) -> None:
    publish("a", {"n": 5})
    refusals.report("a", 5, "no such pool")

    assert airflow.get(f"{ROOT}a/", {"revision": "5"}).json()["entry"]["revision"] == 3
    assert airflow.get(f"{ROOT}a/", {"revision": "9"}).json()["entry"]["revision"] == 3


def test_what_has_no_number_is_not_told(airflow: Client) -> None:
    publish("a", {"n": 1})
    WorkflowVersion.objects.create(workflow_id="a", digest="", document={"n": 2})

    assert airflow.get(ROOT).json()["entries"][0]["document"] == {"n": 1}


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(("revision", "number"), [("1", 1), ("2", 1), ("3", 3), ("9", 3)])
def test_one_workflow_is_told_as_it_was_at_a_revision(airflow: Client, revision: str, number: int) -> None:
    answer = airflow.get(f"{ROOT}a/", {"revision": revision}).json()

    assert answer["entry"]["document"] == {"n": number}


@pytest.mark.usefixtures("history")
def test_a_workflow_that_was_not_there_yet_is_not_found(airflow: Client) -> None:
    assert airflow.get(f"{ROOT}b/", {"revision": "1"}).status_code == 404
    assert airflow.get(f"{ROOT}c/", {"revision": "9"}).status_code == 404


@pytest.mark.parametrize("name", ["problems", "a.b-c_d"])
def test_every_name_can_be_asked_for(airflow: Client, name: str) -> None:
    publish(name, {"n": 1})

    assert airflow.get(f"{ROOT}{name}/", {"revision": "1"}).json()["entry"]["workflow"] == name


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 30, "²"])
def test_a_bad_revision_is_refused(airflow: Client, after: str) -> None:
    assert airflow.get(ROOT, {"after": after}).status_code == 400


def test_reports_set_and_clear_the_problem(airflow: Client) -> None:
    publish("a", {"n": 1})
    for message, problem in (("no such pool", "Airflow: no such pool"), ("", "")):
        report = {"workflow": "a", "revision": 1, "message": message}
        body = {"protocol": 1, "problems": [report, {**report, "workflow": "gone"}]}
        answer = airflow.post(f"{ROOT}problems/", json.dumps(body), content_type="application/json")

        assert answer.status_code == 204
        assert Workflow.objects.get().problem == problem


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"protocol": 99}', '{"protocol": 1, "problems": [{}]}', "\xff"]
)
def test_what_is_no_report_is_refused(airflow: Client, body: str) -> None:
    answer = airflow.post(f"{ROOT}problems/", body.encode("latin-1"), content_type="application/json")

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer x.y",
        f"Basic {signing.sign('k' * 16, 'feed')}",
        f"Bearer {signing.sign('k' * 16, 'feed')}",
        f"Bearer {signing.sign('a key for tests only, 32 characters', 'other')}",
        f"Bearer {signing.sign('a key for tests only, 32 characters', 'feed', lifetime=-1)}",
    ],
)
@pytest.mark.parametrize("address", [ROOT, f"{ROOT}a/", f"{ROOT}problems/"])
def test_a_sound_token_is_needed(address: str, authorization: str | None) -> None:
    client = Client(headers={} if authorization is None else {"authorization": authorization})
    answer = client.post(address) if address.endswith("problems/") else client.get(address)

    assert answer.status_code == 401
