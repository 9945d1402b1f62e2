"""Users over the API, with a real worker."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.e2e.example.conftest import Site, client, waited

pytestmark = pytest.mark.usefixtures("worker")


def ended(site: Site, answer: httpx.Response) -> dict[str, Any]:
    """Wait for the task that a request made; it is read with the superuser's token."""
    assert answer.status_code == 202, answer.text
    assert sorted(answer.json()) == ["message", "status_endpoint", "task_id"]
    url = answer.json()["status_endpoint"]

    def found() -> dict[str, Any] | None:
        task: dict[str, Any] = site.api.get(url).json()
        return task if task["status"] not in {"PENDING", "PROCESSING"} else None

    result: dict[str, Any] = waited(found)
    return result


def test_a_user_lives_and_dies_by_tasks(site: Site) -> None:
    body = {"username": "user1", "email": "user1@example.com", "first_name": "Ada"}
    answer = site.api.post("/api/users/", json=body)
    assert answer.json()["message"] == "Task created to create user user1"
    task = ended(site, answer)
    assert task["status"] == "DONE", task
    assert task["result"]["message"] == "Successfully created user user1"
    key = task["result"]["user_id"]
    uuid.UUID(key)
    changed = ended(site, site.api.patch(f"/api/users/{key}/", json={"last_name": "Lovelace"}))
    assert changed["status"] == "DONE", changed
    assert ended(site, site.api.get(f"/api/users/{key}/"))["task_name"] == "get_user"
    assert site.sql("SELECT first_name, last_name FROM users_user WHERE id = %s", key) == [
        ("Ada", "Lovelace")
    ]
    assert ended(site, site.api.delete(f"/api/users/{key}/"))["status"] == "DONE"
    assert site.sql("SELECT 1 FROM users_user WHERE id = %s", key) == []


def test_the_api_gives_no_power_and_no_password(site: Site) -> None:
    body = {
        "username": "eve",
        "email": "eve@example.com",
        "password": "a long password",
        "is_staff": True,
        "is_superuser": True,
    }
    assert ended(site, site.api.post("/api/users/", json=body))["status"] == "DONE"
    [(staff, superuser, password)] = site.sql(
        "SELECT is_staff, is_superuser, password FROM users_user WHERE username = 'eve'"
    )
    assert (staff, superuser) == (False, False)
    assert password.startswith("!")


def test_a_user_is_shown_with_exactly_these_fields(site: Site) -> None:
    made = ended(site, site.api.post("/api/users/", json={"username": "zoe", "email": "zoe@Example.COM"}))
    key = made["result"]["user_id"]

    shown = ended(site, site.api.get(f"/api/users/{key}/"))["result"]["user"]

    joined = shown.pop("date_joined")
    assert datetime.fromisoformat(joined).utcoffset() == timedelta(0)
    assert shown == {
        "id": key,
        "username": "zoe",
        "email": "zoe@example.com",
        "first_name": "",
        "last_name": "",
        "is_active": True,
    }


CALLER = """
from django.contrib.auth.models import Permission
from users.models import User
from windsock.django.actions import tokens
user = User.objects.create_user({name!r}, {name!r} + "@example.com", is_staff={is_staff})
user.user_permissions.set(Permission.objects.filter(content_type__model="user"))
print(user.pk, tokens.issue(user))
"""


@contextmanager
def somebody(site: Site, name: str, *, is_staff: bool = False) -> Iterator[tuple[str, httpx.Client]]:
    """Somebody who may do everything with users and is no superuser: the key, and a client."""
    key, token = site.python(CALLER.format(name=name, is_staff=is_staff)).split()
    with client(site.url, token) as signed_in:
        yield key, signed_in


def test_only_a_superuser_touches_staff(site: Site) -> None:
    with somebody(site, "chief", is_staff=True) as (staff, chief), somebody(site, "clerk") as (_, clerk):
        [(admin,)] = site.sql("SELECT id::text FROM users_user WHERE username = 'admin'")
        for key in (staff, admin):
            for api in (clerk, chief):
                for answer in (
                    api.patch(f"/api/users/{key}/", json={"email": "mine@example.com"}),
                    api.delete(f"/api/users/{key}/"),
                ):
                    task = ended(site, answer)
                    assert task["status"] == "FAILED"
                    assert task["result"]["errors"] == {
                        "detail": ["Only a superuser may change or delete staff."]
                    }
            assert ended(site, clerk.get(f"/api/users/{key}/"))["status"] == "DONE"
        assert site.sql("SELECT 1 FROM users_user WHERE email = 'mine@example.com'") == []
        assert (
            ended(site, site.api.patch(f"/api/users/{staff}/", json={"last_name": "x"}))["status"] == "DONE"
        )
        assert ended(site, site.api.delete(f"/api/users/{staff}/"))["status"] == "DONE"


def test_nobody_locks_themselves_out(site: Site) -> None:
    with somebody(site, "single") as (key, api):
        gone = ended(site, api.delete(f"/api/users/{key}/"))
        assert list(gone["result"]["errors"]) == ["id"]
        asleep = ended(site, api.patch(f"/api/users/{key}/", json={"is_active": False}))
        assert list(asleep["result"]["errors"]) == ["is_active"]
        assert ended(site, api.patch(f"/api/users/{key}/", json={"first_name": "S"}))["status"] == "DONE"
        assert site.sql("SELECT is_active, first_name FROM users_user WHERE id = %s", key) == [(True, "S")]


def test_the_record_never_shows_a_password(site: Site) -> None:
    body = {"username": "paul", "email": "paul@example.com", "password": "open sesame"}
    assert ended(site, site.api.post("/api/users/", json=body))["input_data"] == body | {
        "password": "********"
    }


def test_an_email_that_somebody_has_fails_by_its_name(site: Site) -> None:
    task = ended(site, site.api.post("/api/users/", json={"username": "x", "email": "admin@example.com"}))
    assert task["status"] == "FAILED"
    assert list(task["result"]["errors"]) == ["email"]


def test_a_malformed_email_is_refused_at_once(site: Site) -> None:
    answer = site.api.post("/api/users/", json={"username": "x", "email": "nobody"})
    assert answer.status_code == 400
    assert list(answer.json()) == ["email"]
