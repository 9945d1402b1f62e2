import threading
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from tests.django import jobs
from tests.django.conftest import Broker
from tests.django.service.conftest import ROOT, Airflow

from windsock.django.actions import tasks
from windsock.django.celery import sending
from windsock.django.models import TaskRun, Waiter
from windsock.django.service import check, countable, registry
from windsock.run import Status

ADD = jobs.add.module_path
KEY = "01890a5d-ac96-574b-bcce-b302099a8057"
INSTANCE = {"dag_id": "night", "run_id": "manual__1", "task_id": "report", "map_index": -1, "try_number": 2}


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_checks", {})
    monkeypatch.setattr(registry, "_countables", {})


def call(**fields: Any) -> dict[str, Any]:
    return {"id": KEY, "task": ADD, "args": [1], **fields}


def test_the_addresses_are_the_documented_ones() -> None:
    assert reverse("windsock:service") == ROOT
    assert reverse("windsock:service-follow") == f"{ROOT}tasks/follow/"


def test_the_key_can_be_tried_without_a_database(airflow: Airflow) -> None:
    answer = airflow.ask("").json()
    assert answer["protocol"] == 1
    assert answer["windsock"]


@pytest.mark.django_db
def test_a_task_is_started_under_the_callers_id(airflow: Airflow, broker: Broker) -> None:
    answer = airflow.ask("tasks/", call(kwargs={"b": 2}, instance=INSTANCE, patience_seconds=60))
    assert answer.status_code == 201
    assert answer.json()["task"] == {
        "id": KEY,
        "mark": "PENDING.0.0",
        "status": "PENDING",
        "attempt": 0,
        "max_attempts": 1,
        "progress": 0,
    }
    run = TaskRun.objects.get()
    assert (run.pk, run.args, run.kwargs, run.owner) == (UUID(KEY), [1], {"b": 2}, None)
    assert run.timeout.total_seconds() == 60
    waiter = Waiter.objects.get()
    assert {name: getattr(waiter, name) for name in INSTANCE} == INSTANCE
    assert 55 < (waiter.expires_at - run.created_at).total_seconds() < 65


@pytest.mark.django_db(transaction=True)
def test_the_same_id_again_answers_what_there_is(airflow: Airflow, broker: Broker) -> None:
    assert airflow.ask("tasks/", call()).status_code == 201
    TaskRun.objects.update(status=Status.DONE, result=2)
    again = airflow.ask("tasks/", call())
    assert again.status_code == 200
    assert again.json()["task"]["result"] == 2
    assert TaskRun.objects.count() == 1
    assert sending.waiting("default") == 1


@pytest.mark.django_db(transaction=True)
def test_two_requests_that_race_start_it_once(airflow: Airflow, broker: Broker) -> None:
    begin, statuses = threading.Barrier(6), []

    def ask() -> None:
        begin.wait()
        statuses.append(airflow.ask("tasks/", call(instance=INSTANCE)).status_code)
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 5 + [201]
    assert TaskRun.objects.count() == Waiter.objects.count() == 1
    assert sending.waiting("default") == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"id": "x"}, "id"),
        ({"id": None}, "id"),
        ({"task": "os.system"}, "task"),
        ({"args": [1, 2, 3]}, "args"),
        ({"args": ["\x00"]}, "args"),
        ({"patience_seconds": -1}, "patience_seconds"),
        ({"patience_seconds": "1"}, "patience_seconds"),
        ({"instance": {"dag_id": "a"}}, "instance"),
    ],
)
def test_what_is_wrong_is_named(airflow: Airflow, fields: dict[str, Any], field: str) -> None:
    answer = airflow.ask("tasks/", call(**fields))
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert not TaskRun.objects.exists()


@pytest.mark.django_db
def test_the_id_of_another_task_is_refused(airflow: Airflow, broker: Broker) -> None:
    airflow.ask("tasks/", call())
    answer = airflow.ask("tasks/", call(task=jobs.fail.module_path, args=[]))
    assert answer.status_code == 400
    assert "another task" in answer.json()["errors"]["id"]


@pytest.mark.django_db
def test_tasks_belong_to_the_user_of_the_setting(
    airflow: Airflow, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = User.objects.create_user("airflow")
    monkeypatch.setenv("WINDSOCK_SERVICE_OWNER", "airflow")
    airflow.ask("tasks/", call())
    assert TaskRun.objects.get().owner == user


@pytest.mark.django_db
def test_what_waits_is_cancelled_and_what_runs_is_asked_to_stop(airflow: Airflow, broker: Broker) -> None:
    airflow.ask("tasks/", call())
    for _ in range(2):
        answer = airflow.ask(f"tasks/{KEY}/cancel/", {})
        assert answer.status_code == 200
        assert answer.json()["task"]["status"] == "CANCELLED"
    running = TaskRun.objects.create(task=ADD, name="add", status=Status.PROCESSING, attempt=1)
    assert airflow.ask(f"tasks/{running.pk}/cancel/", {}).json()["task"]["status"] == "PROCESSING"
    running.refresh_from_db()
    assert running.cancel_requested_at


@pytest.mark.django_db
def test_what_is_not_there_cannot_be_cancelled(airflow: Airflow) -> None:
    assert airflow.ask(f"tasks/{uuid4()}/cancel/", {}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_without_asgi_the_answer_comes_at_once(airflow: Airflow, broker: Broker) -> None:
    airflow.ask("tasks/", call())
    known = {KEY: "PENDING.0.0"}
    assert airflow.ask("tasks/follow/", {"tasks": known, "wait_seconds": 60}).json()["tasks"] == []
    tasks.cancel(TaskRun.objects.get())
    (told,) = airflow.ask("tasks/follow/", {"tasks": known, "wait_seconds": 60}).json()["tasks"]
    assert told["status"] == "CANCELLED"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"tasks": {"x": ""}}, "tasks"),
        ({"tasks": []}, "tasks"),
        ({"tasks": {str(uuid4()): "" for _ in range(1001)}}, "tasks"),
        ({"tasks": {}, "wait_seconds": "1"}, "wait_seconds"),
        ({"tasks": {}, "wait_seconds": float("inf")}, "wait_seconds"),
    ],
    ids=["key", "list", "many", "text", "for ever"],
)
def test_a_question_that_is_not_understood_is_refused(
    airflow: Airflow, body: dict[str, Any], field: str
) -> None:
    answer = airflow.ask("tasks/follow/", body)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


@pytest.mark.django_db
def test_checks_are_asked_in_one_request_each_for_itself(airflow: Airflow, own_registry: None) -> None:
    @check
    def arrived(product: int) -> Any:
        if product == 3:
            raise LookupError("no such product")
        return {"left": 4} if product == 1 else None

    countable(User, fields=["username"])
    User.objects.create_user("ann")
    (path,) = registry._checks
    questions = [
        {"check": path, "kwargs": {"product": 1}},
        {"check": path, "kwargs": {"product": 2}},
        {"check": path, "kwargs": {"product": 3}},
        {"check": "os.system", "kwargs": {"command": "true"}},
        {"model": "auth.User", "filter": {"username": "ann"}},
        {"model": "auth.User", "at_least": 2},
        {"model": "auth.User", "filter": {"password": "x"}},
        {"model": "auth.User", "at_least": 0},
        "x",
    ]
    results = airflow.ask("checks/", {"checks": questions}).json()["results"]
    assert results[:2] == [{"met": True, "value": {"left": 4}}, {"met": False, "value": None}]
    assert results[2] == {"error": {"exception": "builtins.LookupError", "message": "no such product"}}
    assert results[4:6] == [{"met": True, "value": 1}, {"met": False, "value": 1}]
    assert all(results[place]["error"]["refused"] for place in (3, 6, 7, 8))


def test_too_many_checks_are_refused(airflow: Airflow) -> None:
    answer = airflow.ask("checks/", {"checks": [{}] * 101})
    assert answer.json()["errors"] == {"checks": "at most 100 in one request"}


@pytest.mark.django_db(transaction=True)
def test_a_check_that_breaks_its_transaction_breaks_no_other(
    airflow: Airflow, own_registry: None, settings: Any
) -> None:
    @check
    def broken() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing")

    countable(User, fields=[])
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        (path,) = registry._checks
        body = {"checks": [{"check": path}, {"model": "auth.User"}]}
        first, second = airflow.ask("checks/", body).json()["results"]
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False
    assert "nothing" in first["error"]["message"]
    assert second == {"met": False, "value": 0}


def test_people_find_no_form_here(client: Client) -> None:
    assert client.get(ROOT).status_code == 401
