"""What a tracked view set accepts, refuses and does; what it says word for word stands in ``test_golden``."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from windsock.django.models import TaskRun
from windsock.django.testing import run_enqueued

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.django.api.project")]

TASK_ENDS = ("status", "traceback", "output", "cancel", "retry")
ADA = {"username": "user1", "email": "user1@example.com", "first_name": "Ada", "last_name": "Lovelace"}


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


@pytest.mark.parametrize("method", ["put", "patch"])
def test_an_update_changes_what_was_sent_alone(api: APIClient, user1: User, method: str) -> None:
    body = {"username": "user1", "email": "ada@example.com"}
    accepted(getattr(api, method)(f"/api/users/{user1.pk}/", body))

    (run,) = run_enqueued()

    user1.refresh_from_db()
    assert (user1.email, user1.last_name) == ("ada@example.com", "Lovelace")
    assert (run.operation, run.input_data) == ("UPDATE", body)


def test_a_row_is_deleted(api: APIClient, user1: User) -> None:
    accepted(api.delete(f"/api/users/{user1.pk}/"))

    run_enqueued()

    assert not User.objects.filter(pk=user1.pk).exists()


@pytest.mark.parametrize(
    ("method", "hours"), [("get", 1), ("post", None), ("put", None), ("patch", None), ("delete", None)]
)
def test_what_was_read_expires_after_an_hour(
    api: APIClient, user1: User, method: str, hours: int | None
) -> None:
    path = "/api/users/" if method == "post" else f"/api/users/{user1.pk}/"
    accepted(getattr(api, method)(path, {"username": "eva"} if method[0] == "p" else None))

    (run,) = run_enqueued()

    assert run.result_ttl == (timedelta(hours=hours) if hours else None)
    if hours:
        TaskRun.objects.update(result_expires_at=timezone.now())
        assert status(api)["result"] == {"message": "The result has expired.", "progress": 100}


@pytest.mark.parametrize(("method", "path"), [("post", ""), ("put", "{}/"), ("patch", "{}/")])
def test_what_nobody_may_see_is_masked(api: APIClient, user1: User, method: str, path: str) -> None:
    body = {"username": "eva", "password": "open sesame", "pin": "4711"}
    accepted(getattr(api, method)(f"/api/members/{path.format(user1.pk)}", body))

    assert status(api)["input_data"] == {"username": "eva", "password": "********", "pin": "********"}
    (run,) = run_enqueued()
    assert (run.status, run.input_data) == ("DONE", body)


def test_power_and_password_are_out_of_reach(api: APIClient, caller: User, user1: User) -> None:
    group = Group.objects.create(name="crew")
    body = {
        "username": "eva",
        "password": "open sesame",
        "is_staff": True,
        "is_superuser": True,
        "groups": [group.pk],
        "user_permissions": [Permission.objects.all()[0].pk],
    }
    accepted(api.post("/api/users/", body))
    accepted(api.patch(f"/api/users/{user1.pk}/", body | {"username": "user1"}))

    assert {run.status for run in run_enqueued()} == {"DONE"}
    for user in User.objects.filter(username__in=["eva", "user1"]):
        assert (user.is_staff, user.is_superuser) == (False, False)
        assert not user.check_password("open sesame")
        assert not user.groups.exists()
        assert not user.user_permissions.exists()


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
@pytest.mark.parametrize("key", ["999999", "nonsense", "9" * 40])
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
@pytest.mark.parametrize("path", ["", "7/"])
def test_looking_creates_no_task(api: APIClient, method: str, path: str) -> None:
    response = getattr(api, method)(f"/api/users/{path}")

    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    assert not TaskRun.objects.exists()


@pytest.mark.parametrize("key", ["%00", "a%00b", "a" * 101, "%ED%A0%80" * 40])
@pytest.mark.parametrize("method", ["get", "head", "options", "put", "patch", "delete"])
def test_a_key_that_no_column_holds_belongs_to_no_row(api: APIClient, method: str, key: str) -> None:
    response = getattr(api, method)(f"/api/users/{key}/")

    assert (response.status_code, response["Cache-Control"]) == (404, "no-store")
    assert not TaskRun.objects.exists()


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options"])
@pytest.mark.parametrize(
    "path", ["users/", "users/7/", "tasks/", "tasks/7/", *(f"tasks/7/{end}/" for end in TASK_ENDS)]
)
def test_without_a_login_nothing_is_answered(method: str, path: str) -> None:
    response = getattr(APIClient(), method)(f"/api/{path}")

    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response["Cache-Control"] == "no-store"


def test_a_session_needs_the_csrf_token(caller: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(caller)
    client.cookies["csrftoken"] = token = "a" * 32

    def post(**headers: str) -> Any:
        return client.post("/api/users/", ADA, content_type="application/json", headers=headers)

    refused = post()
    assert (refused.status_code, refused["Cache-Control"]) == (403, "no-store")
    assert not TaskRun.objects.exists()
    assert post(**{"X-CSRFToken": token}).status_code == 202


@pytest.mark.parametrize(
    ("method", "path", "options", "code"),
    [
        ("post", "users/", {"data": "{", "content_type": "application/json"}, 400),
        ("delete", "users/", {}, 405),
        ("get", "users/", {"headers": {"Accept": "image/png"}}, 406),
        ("post", "users/", {"data": "a", "content_type": "text/plain"}, 415),
    ],
)
def test_no_refusal_is_kept_by_a_cache(
    api: APIClient, method: str, path: str, options: dict[str, Any], code: int
) -> None:
    response = getattr(api, method)(f"/api/{path}", **options)

    assert (response.status_code, response["Cache-Control"]) == (code, "no-store")


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


@pytest.mark.parametrize("content_type", [999_999, 0, "nonsense", [], {}])
def test_a_relation_is_looked_for_in_the_worker(api: APIClient, content_type: Any) -> None:
    accepted(api.post("/api/permissions/", {"name": "a", "codename": "b", "content_type": content_type}))

    assert set(failed(api)["errors"]) == {"content_type"}


def test_what_the_database_alone_refuses_names_the_column(api: APIClient) -> None:
    accepted(api.post("/api/permissions/", {"name": "a", "codename": "b", "content_type": 1}))
    Permission.objects.create(name="a", codename="b", content_type_id=1)

    assert failed(api)["message"] == "Failed to create permission a"


def test_another_users_task_does_not_exist(api: APIClient, user1: User) -> None:
    task = api.get("/api/users/").json()["task_id"]
    api.force_authenticate(user1)

    assert api.get("/api/tasks/").json()["results"] == []
    for end in ("", "status/", "traceback/"):
        assert api.get(f"/api/tasks/{task}/{end}").status_code == 404
    for end in ("cancel/", "retry/"):
        assert api.post(f"/api/tasks/{task}/{end}").status_code == 404
