"""Users over the API, with a real worker."""

import uuid
from typing import Any

import httpx
import pytest
from tests.e2e.example.conftest import Site, waited

pytestmark = pytest.mark.usefixtures("worker")


def ended(site: Site, answer: httpx.Response) -> dict[str, Any]:
    """Wait for the task that a request made."""
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


def test_an_email_that_somebody_has_fails_by_its_name(site: Site) -> None:
    task = ended(site, site.api.post("/api/users/", json={"username": "x", "email": "admin@example.com"}))
    assert task["status"] == "FAILED"
    assert list(task["result"]["errors"]) == ["email"]


def test_a_malformed_email_is_refused_at_once(site: Site) -> None:
    answer = site.api.post("/api/users/", json={"username": "x", "email": "nobody"})
    assert answer.status_code == 400
    assert list(answer.json()) == ["email"]
