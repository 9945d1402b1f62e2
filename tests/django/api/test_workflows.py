from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from windsock.django.actions import revisions
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion

pytestmark = pytest.mark.django_db
ROOT = "/api/workflows/"


def publish(id: str, **columns: Any) -> Workflow:
    workflow = Workflow.objects.create(id=id, source="test", **columns)
    WorkflowVersion.objects.create(workflow=workflow, digest="0", document={"id": id, "params": {"day": {}}})
    revisions.number()
    return workflow


@pytest.fixture
def client() -> Client:
    user = User.objects.create_user("ann")
    codes = ("view_workflow", "add_workflowrun")
    user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    client = Client()
    client.force_login(user)
    return client


def run(client: Client, id: str, body: Any) -> Any:
    return client.post(f"{ROOT}{id}/run/", body, content_type="application/json")


def test_a_workflow_tells_whether_it_is_live(client: Client) -> None:
    publish("a.b-c", title="Report", tags=["x"], live_revision=1)
    publish("b", live_revision=None, problem="bad")

    answer = client.get(ROOT).json()

    assert answer["count"] == 2
    assert answer["results"][0] == {
        "id": "a.b-c",
        "title": "Report",
        "source": "test",
        "owner": "windsock",
        "tags": ["x"],
        "description": "",
        "is_paused": False,
        "live": True,
        "revision": 1,
        "live_revision": 1,
        "problem": "",
        "runs": "/api/runs/?workflow=a.b-c",
    }
    assert (answer["results"][1]["live"], answer["results"][1]["problem"]) == (False, "bad")
    definition = {"id": "a.b-c", "params": {"day": {}}}
    alone = {"editable": False, "retired_at": None, "definition": definition}
    assert client.get(f"{ROOT}a.b-c/").json() == answer["results"][0] | alone


def test_an_older_revision_in_force_is_not_live(client: Client) -> None:
    workflow = publish("a", live_revision=1)
    WorkflowVersion.objects.create(workflow=workflow, digest="1", document={})
    revisions.number()

    assert client.get(f"{ROOT}a/").json()["live"] is False


def test_a_retired_workflow_is_found_by_its_id_only(client: Client) -> None:
    publish("a", retired_at=timezone.now(), live_revision=1)

    assert client.get(ROOT).json()["count"] == 0
    shown = client.get(f"{ROOT}a/").json()
    assert shown["live"] is False
    assert shown["retired_at"] is not None


def test_a_list_is_asked_for(client: Client) -> None:
    publish("sales", owner="ann", live_revision=1)
    publish("stock", owner="bob", is_paused=True)

    found = client.get(ROOT, {"search": "s", "live": "true", "page": "1", "page_size": "1"}).json()

    assert ([workflow["id"] for workflow in found["results"]], found["count"]) == (["sales"], 1)
    assert client.get(ROOT, {"paused": "no"}).json() == {"paused": ["Choose one of true, false."]}
    assert client.get(ROOT, {"page": "9"}).status_code == 404


def test_a_list_costs_a_fixed_number_of_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        publish(f"w{number}")

    with django_assert_max_num_queries(6):
        assert len(client.get(ROOT).json()["results"]) == 30


def test_run_now_answers_with_the_run(client: Client) -> None:
    publish("a")

    answer = run(client, "a", {"params": {"day": "mon"}})

    row = WorkflowRun.objects.get()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/runs/{row.id}/"
    body = answer.json()
    assert (body["id"], body["workflow"], body["status"]) == (str(row.id), "a", "PENDING")
    assert (body["params"], body["requested_by"], body["origin"]) == ({"day": "mon"}, "ann", "request")
    assert row.run_id == f"windsock__{row.id}"


def test_a_body_is_not_needed(client: Client) -> None:
    publish("a")

    assert client.post(f"{ROOT}a/run/", content_type="application/json").status_code == 202


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"params": {"hour": 1}}, "params.hour"),
        ({"params": {"day": "\x00"}}, "params.day"),
        ({"params": [1]}, "params"),
        ([1], "non_field_errors"),
        ({"param": {}}, "param"),
    ],
)
def test_a_bad_param_is_named(client: Client, body: Any, field: str) -> None:
    publish("a")

    answer = run(client, "a", body)

    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert not WorkflowRun.objects.exists()


@pytest.mark.parametrize("columns", [{"is_paused": True}, {"retired_at": timezone.now()}])
def test_what_airflow_would_only_queue_is_refused(client: Client, columns: dict[str, Any]) -> None:
    publish("a", **columns)

    answer = run(client, "a", {})

    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("a is ")


def test_a_workflow_that_was_never_sound_is_refused(client: Client) -> None:
    Workflow.objects.create(id="a", source="test", problem="title: bad")

    assert "title: bad" in run(client, "a", {}).json()["detail"]


def test_an_unknown_workflow_is_not_found(client: Client) -> None:
    assert run(client, "nothing", {}).status_code == 404


def test_permissions_are_asked_for(client: Client) -> None:
    publish("a")
    User.objects.get().user_permissions.set(Permission.objects.filter(codename="view_workflow"))

    assert client.get(ROOT).status_code == 200
    assert run(client, "a", {}).status_code == 403
    User.objects.get().user_permissions.clear()
    assert client.get(ROOT).status_code == 403
    assert Client().get(ROOT).status_code == 401


@pytest.mark.parametrize("key", ["%00", "a%00", "%ED%A0%80"])
def test_a_key_that_no_column_holds_belongs_to_nothing(client: Client, key: str) -> None:
    assert client.get(f"{ROOT}{key}/").status_code == 404
    assert client.post(f"{ROOT}{key}/run/", {}, content_type="application/json").status_code == 404


def test_the_same_request_starts_one_run(client: Client) -> None:
    publish("a")

    def ask(body: Any) -> Any:
        return client.post(
            f"{ROOT}a/run/", body, content_type="application/json", headers={"Idempotency-Key": "k"}
        )

    first, second = ask({}), ask({})

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert first["Location"] == second["Location"]
    assert WorkflowRun.objects.count() == 1
    assert ask({"params": {}}).status_code == 422


def test_to_run_is_to_start_work(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDSOCK_THROTTLE_RATE", "1/min")
    cache.clear()
    publish("a")

    answers = [client.post(f"{ROOT}a/run/", {}, content_type="application/json") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 429]
    assert client.get(ROOT).status_code == 200
