import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.utils import timezone
from rest_framework.test import APIClient
from tests.django.api.conftest import JsonClient

from windsock.django.models import IdempotencyKey, TaskRun

pytestmark = pytest.mark.urls("tests.django.api.project")
ADA = {"username": "ada", "email": "ada@example.com"}
KEY = {"Idempotency-Key": "a key"}


def post(api: APIClient, body: Any = ADA, key: str = "a key", path: str = "/api/users/") -> Any:
    return api.post(path, body, headers={"Idempotency-Key": key})


@pytest.mark.django_db
def test_the_same_request_gets_the_same_answer(api: APIClient) -> None:
    first = post(api)
    second = post(api, dict(reversed(ADA.items())))

    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    assert second["Cache-Control"] == "no-store"
    assert str(TaskRun.objects.get().pk) == first.json()["task_id"]


@pytest.mark.django_db
def test_a_form_is_the_same_as_its_json(api: APIClient) -> None:
    form = "username=ada&email=ada%40example.com"
    kind = "application/x-www-form-urlencoded"

    assert api.post("/api/users/", form, content_type=kind, headers=KEY).json() == post(api).json()


@pytest.mark.django_db
def test_another_body_is_refused(api: APIClient) -> None:
    post(api)

    response = post(api, ADA | {"username": "eva"})

    assert response.status_code == 422
    assert "another body" in response.json()["detail"]
    assert TaskRun.objects.count() == 1


@pytest.mark.django_db
def test_a_key_counts_for_its_user_and_path(api: APIClient) -> None:
    post(api)
    post(api, key="another")
    post(api, {"name": "crew"}, path="/api/groups/")
    api.force_authenticate(User.objects.create_superuser("root"))
    post(api)

    assert TaskRun.objects.count() == 4


@pytest.mark.django_db
def test_without_a_key_every_request_counts(api: APIClient) -> None:
    assert [api.post("/api/users/", ADA).status_code for _ in range(2)] == [202, 202]
    assert TaskRun.objects.count() == 2
    assert not IdempotencyKey.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "a" * 256, "é", "a\tb"])
def test_a_key_is_short_and_printable(api: APIClient, key: str) -> None:
    response = post(api, key=key)

    assert response.status_code == 400
    assert set(response.json()) == {"Idempotency-Key"}
    assert not TaskRun.objects.exists()


@pytest.mark.django_db
def test_what_is_refused_is_not_kept(api: APIClient, caller: User) -> None:
    assert post(api, {"username": ""}).status_code == 400
    assert post(api).status_code == 202
    done = TaskRun.objects.create(name="a", owner=caller, status="DONE")
    assert post(api, None, path=f"/api/tasks/{done.pk}/cancel/").status_code == 409

    assert IdempotencyKey.objects.count() == 1


@pytest.mark.django_db
def test_a_day_later_the_key_is_new(api: APIClient) -> None:
    first = post(api).json()
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))

    assert post(api, ADA | {"username": "eva"}).json()["task_id"] != first["task_id"]


@pytest.mark.django_db
def test_a_repeated_cancel_is_one(api: APIClient, caller: User) -> None:
    run = TaskRun.objects.create(name="a", owner=caller)
    path = f"/api/tasks/{run.pk}/cancel/"

    first, second = post(api, None, path=path), post(api, None, path=path)

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert api.post(path).status_code == 409


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("broker")
class TestTwoAtTheSameTime:
    @pytest.fixture(params=[False, True], ids=["", "ATOMIC_REQUESTS"])
    def atomic_requests(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", request.param)

    @pytest.mark.usefixtures("atomic_requests")
    def test_they_are_one(self, caller: User, wait_until: Callable[..., None]) -> None:
        root = User.objects.create_superuser("root")
        ways = threading.Barrier(4)
        answers: list[Any] = []

        def ask() -> None:
            client = JsonClient()
            client.force_authenticate(root)
            ways.wait(10)
            try:
                answers.append(post(client))
            finally:
                connection.close()

        threads = [threading.Thread(target=ask) for _ in range(4)]
        # While somebody holds the record, the first is in the middle of its transaction.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE windsock_taskrun IN SHARE MODE")
            for thread in threads:
                thread.start()
            wait_until(lambda: waiting() == 4)
        for thread in threads:
            thread.join(20)

        assert {answer.status_code for answer in answers} == {202}
        assert {answer.json()["task_id"] for answer in answers} == {str(TaskRun.objects.get().pk)}

    @pytest.mark.usefixtures("atomic_requests")
    def test_a_refusal_keeps_nothing(self, caller: User) -> None:
        client = JsonClient()
        client.force_authenticate(User.objects.create_superuser("root"))
        done = TaskRun.objects.create(name="a", status="DONE")

        assert post(client, None, path=f"/api/tasks/{done.pk}/cancel/").status_code == 409
        assert post(client, {"username": ""}).status_code == 400
        assert not IdempotencyKey.objects.exists()


def waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])
