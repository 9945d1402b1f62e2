"""The promise, field for field: the five pairs of answer and result stand here as literal JSON."""

import json
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, Permission, User
from rest_framework.test import APIClient

from windsock.django.models import TaskRun
from windsock.django.testing import run_enqueued

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.django.api.project")]

ADA = {"username": "user1", "email": "user1@example.com", "first_name": "Ada", "last_name": "Lovelace"}
FIELDS = {"email": "user1@example.com", "first_name": "Ada", "last_name": "Lovelace", "is_active": True}


@pytest.fixture
def user1() -> User:
    return User.objects.create_user(**ADA)


def accepted(response: Any) -> str:
    """Check the answer's form and return its message."""
    assert response.status_code == 202, response.content
    body = response.json()
    assert set(body) == {"task_id", "message", "status_endpoint"}
    assert UUID(body["task_id"]).version == 7
    assert body["status_endpoint"] == f"/api/tasks/{body['task_id']}/status/"
    assert response["Cache-Control"] == "no-store"
    message: str = body["message"]
    return message


def status(api: APIClient) -> dict[str, Any]:
    """What the status endpoint says of the only task."""
    body: dict[str, Any] = api.get(f"/api/tasks/{TaskRun.objects.get().pk}/status/").json()
    return {
        name: body[name]
        for name in ("status", "task_name", "operation", "related_id", "input_data", "result")
    }


def test_create(api: APIClient) -> None:
    assert accepted(api.post("/api/users/", ADA)) == "Task created to create user user1"
    assert status(api) == {
        "status": "PENDING",
        "task_name": "create_user",
        "operation": "CREATE",
        "related_id": None,
        "input_data": ADA,
        "result": {"progress": 0},
    }

    run_enqueued()

    key = str(User.objects.get(username="user1").pk)
    assert status(api) == {
        "status": "DONE",
        "task_name": "create_user",
        "operation": "CREATE",
        "related_id": key,
        "input_data": ADA,
        "result": {
            "success": True,
            "user_id": key,
            "message": "Successfully created user user1",
            "progress": 100,
        },
    }


def test_list(api: APIClient, caller: User, user1: User) -> None:
    assert accepted(api.get("/api/users/?page_size=1&page=2")) == "Task created to list users"

    run_enqueued()

    assert status(api) == {
        "status": "DONE",
        "task_name": "list_users",
        "operation": "READ",
        "related_id": None,
        "input_data": None,
        "result": {
            "success": True,
            "count": 2,
            "next": None,
            "previous": "http://testserver/api/users/?page_size=1",
            "users": [{"id": user1.pk, "username": "user1", **FIELDS}],
            "message": "Successfully listed users",
            "progress": 100,
        },
    }


def test_get(api: APIClient, user1: User) -> None:
    key = str(user1.pk)
    assert accepted(api.get(f"/api/users/{key}/")) == f"Task created to get user {key}"

    run_enqueued()

    assert status(api) == {
        "status": "DONE",
        "task_name": "get_user",
        "operation": "READ",
        "related_id": key,
        "input_data": None,
        "result": {
            "success": True,
            "user_id": key,
            "user": {"id": user1.pk, "username": "user1", **FIELDS},
            "message": "Successfully retrieved user user1",
            "progress": 100,
        },
    }


@pytest.mark.parametrize("method", ["put", "patch"])
def test_update(api: APIClient, user1: User, method: str) -> None:
    key = str(user1.pk)
    body = {"username": "user1", "email": "ada@example.com"}
    answer = getattr(api, method)(f"/api/users/{key}/", body)
    assert accepted(answer) == f"Task created to update user {key}"

    run_enqueued()

    user1.refresh_from_db()
    assert (user1.email, user1.last_name) == ("ada@example.com", "Lovelace")
    assert status(api) == {
        "status": "DONE",
        "task_name": "update_user",
        "operation": "UPDATE",
        "related_id": key,
        "input_data": body,
        "result": {
            "success": True,
            "user_id": key,
            "message": "Successfully updated user user1",
            "progress": 100,
        },
    }


def test_delete(api: APIClient, user1: User) -> None:
    key = str(user1.pk)
    assert accepted(api.delete(f"/api/users/{key}/")) == f"Task created to delete user {key}"

    run_enqueued()

    assert not User.objects.filter(pk=user1.pk).exists()
    assert status(api) == {
        "status": "DONE",
        "task_name": "delete_user",
        "operation": "DELETE",
        "related_id": key,
        "input_data": None,
        "result": {
            "success": True,
            "user_id": key,
            "message": "Successfully deleted user user1",
            "progress": 100,
        },
    }


def failed(api: APIClient) -> dict[str, Any]:
    run_enqueued()
    body = status(api)
    assert body["status"] == "FAILED"
    result: dict[str, Any] = body["result"]
    return result


def test_what_only_the_database_knows_is_a_failed_task_that_names_the_field(
    api: APIClient, user1: User
) -> None:
    accepted(api.post("/api/users/", ADA))

    assert failed(api) == {
        "success": False,
        "message": "Failed to create user user1",
        "errors": {"username": ["A user with that username already exists."]},
        "progress": 20,
    }


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
@pytest.mark.parametrize("key", ["999999", "nonsense"])
def test_an_unknown_row_is_a_failed_task(api: APIClient, method: str, key: str) -> None:
    accepted(getattr(api, method)(f"/api/users/{key}/", {"username": "x"} if method[0] == "p" else None))

    assert failed(api)["errors"] == {"id": ["There is no such row, or you may not see it."]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "x@example.com"}, "username"),
        ({**ADA, "email": "nonsense"}, "email"),
        ({**ADA, "username": "a" * 151}, "username"),
        ({**ADA, "username": "nul\x00"}, "username"),
        ({**ADA, "last_name": "Ada"}, "non_field_errors"),
        ({**ADA, "more": "nul\x00"}, "non_field_errors"),
        ({**ADA, "more": "\ud800"}, "non_field_errors"),
        ([ADA], "non_field_errors"),
        ("text", "non_field_errors"),
    ],
)
def test_what_the_serializer_can_tell_alone_is_refused_at_once(api: APIClient, body: Any, field: str) -> None:
    response = api.post("/api/users/", json.dumps(body), content_type="application/json")

    assert response.status_code == 400
    assert set(response.json()) == {field}
    assert not TaskRun.objects.exists()


def test_an_update_needs_its_fields_and_a_patch_does_not(api: APIClient, user1: User) -> None:
    assert api.put(f"/api/users/{user1.pk}/", {"email": "x@example.com"}).status_code == 400
    assert api.patch(f"/api/users/{user1.pk}/", {"email": "x@example.com"}).status_code == 202


def test_a_form_is_taken_like_json(api: APIClient) -> None:
    accepted(
        api.post("/api/users/", "username=user1&email=", content_type="application/x-www-form-urlencoded")
    )

    assert status(api)["input_data"] == {"username": "user1", "email": ""}
    run_enqueued()
    assert User.objects.filter(username="user1").exists()


@pytest.mark.parametrize("method", ["head", "options"])
def test_looking_creates_no_task(api: APIClient, method: str) -> None:
    assert getattr(api, method)("/api/users/").status_code == 200
    assert not TaskRun.objects.exists()


def test_without_a_login_nothing_is_answered() -> None:
    response = APIClient().get("/api/users/")

    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("method", "permission"),
    [("get", "view_user"), ("post", "add_user"), ("put", "change_user"), ("delete", "delete_user")],
)
def test_the_models_permissions_decide(
    api: APIClient, caller: User, user1: User, method: str, permission: str
) -> None:
    caller.user_permissions.remove(Permission.objects.get(codename=permission))
    api.force_authenticate(User.objects.get(pk=caller.pk))
    address = "/api/users/" if method == "post" else f"/api/users/{user1.pk}/"

    assert getattr(api, method)(address).status_code == 403
    assert not TaskRun.objects.exists()


class TestTheWorkerActsAsTheCaller:
    def test_a_permission_that_was_taken_away_meanwhile(
        self, api: APIClient, caller: User, user1: User
    ) -> None:
        accepted(api.delete(f"/api/users/{user1.pk}/"))
        caller.user_permissions.clear()

        assert "permission" in failed(api)["errors"]["detail"][0]
        assert User.objects.filter(pk=user1.pk).exists()

    def test_an_account_that_was_deactivated_meanwhile(
        self, api: APIClient, caller: User, user1: User
    ) -> None:
        accepted(api.delete(f"/api/users/{user1.pk}/"))
        User.objects.filter(pk=caller.pk).update(is_active=False)

        assert "not active" in failed(api)["message"]
        assert User.objects.filter(pk=user1.pk).exists()

    def test_an_account_that_was_deleted_meanwhile(self, api: APIClient, caller: User, user1: User) -> None:
        accepted(api.delete(f"/api/users/{user1.pk}/"))
        caller.delete()

        (run,) = run_enqueued()
        assert (run.status, "not active" in run.message) == ("FAILED", True)
        assert User.objects.filter(pk=user1.pk).exists()

    @pytest.mark.parametrize("method", ["get", "patch", "delete"])
    def test_a_row_outside_the_callers_queryset(self, api: APIClient, user1: User, method: str) -> None:
        accepted(getattr(api, method)(f"/api/colleagues/{user1.pk}/"))

        assert "id" in failed(api)["errors"]
        assert User.objects.filter(pk=user1.pk).exists()

    @pytest.mark.parametrize("method", ["patch", "delete"])
    def test_a_row_for_which_the_caller_lacks_the_objects_permission(
        self, api: APIClient, caller: User, user1: User, method: str
    ) -> None:
        group = Group.objects.create(name="colleagues")
        group.user_set.set([caller, user1])
        User.objects.filter(pk=user1.pk).update(is_staff=True)
        accepted(getattr(api, method)(f"/api/colleagues/{user1.pk}/"))

        assert "permission" in failed(api)["errors"]["detail"][0]
        assert User.objects.filter(pk=user1.pk).exists()

    def test_a_list_shows_what_the_caller_may_see(self, api: APIClient, caller: User, user1: User) -> None:
        Group.objects.create(name="colleagues").user_set.set([caller])
        accepted(api.get("/api/colleagues/"))

        run_enqueued()

        assert [each["username"] for each in status(api)["result"]["users"]] == ["caller"]


def test_another_model_has_its_own_words(api: APIClient) -> None:
    assert accepted(api.post("/api/groups/", {"name": "crew"})) == "Task created to create group crew"

    (run,) = run_enqueued()

    assert run.result["message"] == "Successfully created group crew"
    assert (run.name, run.related_table) == ("create_group", "auth_group")
    assert set(run.result) == {"success", "group_id", "message"}
