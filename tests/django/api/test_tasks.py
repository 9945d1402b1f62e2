from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from windsock.django.api.tasks import result_json, task_json
from windsock.django.models import TaskRun, Workflow, WorkflowRun
from windsock.django.testing import run_enqueued
from windsock.run import FINISHED, Status

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.django.api.project")]

KEYS = {
    *("id", "status", "task_name", "created_at", "updated_at", "input_data", "result", "progress"),
    *("related_table", "related_id", "operation"),
}


PAST, FUTURE = timezone.now() - timedelta(seconds=1), timezone.now() + timedelta(hours=1)
GONE = {"message": "The result has expired.", "progress": 100}


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
        ({"status": Status.DONE, "result": {"a": 1}, "progress": 100, "result_expires_at": PAST}, GONE),
        ({"status": Status.DONE, "result": None, "progress": 100, "result_expires_at": PAST}, GONE),
        (
            {"status": Status.DONE, "result": {"a": 1}, "progress": 100, "result_expires_at": FUTURE},
            {"a": 1, "progress": 100},
        ),
        (
            {"status": Status.FAILED, "message": "no", "result_expires_at": PAST},
            {"success": False, "message": "no", "errors": {}, "progress": 0},
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


def allow(api: APIClient, user: User, *codenames: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    api.force_authenticate(User.objects.get(pk=user.pk))


def test_what_is_sensitive_is_never_shown(api: APIClient, caller: User) -> None:
    run = create(
        owner=caller, sensitive=["password"], input_data={"name": "a", "deep": [{"password": "secret"}]}
    )

    shown = {"name": "a", "deep": [{"password": "********"}]}
    assert api.get(f"/api/tasks/{run.pk}/").json()["input_data"] == shown
    assert api.get("/api/tasks/").json()["results"][0]["input_data"] == shown


class TestCancel:
    def cancel(self, api: APIClient, run: TaskRun) -> Any:
        return api.post(f"/api/tasks/{run.pk}/cancel/")

    def test_what_waits_is_cancelled_at_once(self, api: APIClient, caller: User) -> None:
        run = create(owner=caller)

        response = self.cancel(api, run)

        assert response.status_code == 202
        run.refresh_from_db()
        assert response.json() == task_json(run)
        assert run.status == "CANCELLED"

    def test_what_runs_is_asked_to_stop(self, api: APIClient, caller: User) -> None:
        run = create(owner=caller, status="PROCESSING", attempt=1)

        assert [self.cancel(api, run).status_code for _ in range(2)] == [202, 202]
        run.refresh_from_db()
        assert run.status == "PROCESSING"
        assert run.cancel_requested_at is not None

    @pytest.mark.parametrize("status", sorted(FINISHED))
    def test_what_is_finished_is_refused(self, api: APIClient, caller: User, status: str) -> None:
        response = self.cancel(api, create(owner=caller, status=status))

        assert (response.status_code, set(response.json())) == (409, {"detail", "status"})
        assert response.json()["status"] == status
        assert response["Cache-Control"] == "no-store"


class TestRetry:
    def retry(self, api: APIClient, run: TaskRun) -> Any:
        return api.post(f"/api/tasks/{run.pk}/retry/")

    def test_what_failed_is_started_again(self, api: APIClient, caller: User) -> None:
        User.objects.create_user("ada")
        first = api.post("/api/users/", {"username": "ada"}).json()["task_id"]
        run_enqueued()
        User.objects.filter(username="ada").delete()

        response = self.retry(api, TaskRun.objects.get())

        assert response.status_code == 202
        new = response.json()["task_id"]
        assert response.json() == {
            "task_id": new,
            "message": "Task created to retry create_user",
            "status_endpoint": f"/api/tasks/{new}/status/",
        }
        run = TaskRun.objects.get(pk=new)
        assert (str(run.retry_of_id), run.owner, run.input_data) == (first, caller, {"username": "ada"})
        run_enqueued()
        assert api.get(f"/api/tasks/{new}/").json()["status"] == "DONE"
        assert api.get(f"/api/tasks/{first}/").json()["status"] == "FAILED"

    def test_a_key_makes_two_of_them_one(self, api: APIClient, caller: User) -> None:
        run = failed(caller)

        answers = [
            api.post(f"/api/tasks/{run.pk}/retry/", headers={"Idempotency-Key": "k"}).json() for _ in range(2)
        ]

        assert answers[0] == answers[1]
        assert TaskRun.objects.filter(retry_of=run).count() == 1

    def test_nobodys_rights_serve_what_somebody_else_asked_for(self, api: APIClient, caller: User) -> None:
        ada = User.objects.create_user("ada")
        run = failed(ada)
        allow(api, caller, "view_taskrun", "change_taskrun")

        assert self.retry(api, run).status_code == 202

        assert TaskRun.objects.get(retry_of=run).owner == ada

    @pytest.mark.parametrize("status", ["PENDING", "PROCESSING", "DONE"])
    def test_only_what_ended_badly_is_retried(self, api: APIClient, caller: User, status: str) -> None:
        run = failed(caller)
        TaskRun.objects.update(status=status)

        response = self.retry(api, run)

        assert (response.status_code, set(response.json())) == (409, {"detail", "status"})
        assert response.json()["status"] == status
        assert TaskRun.objects.count() == 1

    @pytest.mark.parametrize("status", ["FAILED", "CANCELLED", "SKIPPED"])
    def test_all_others_are(self, api: APIClient, caller: User, status: str) -> None:
        run = failed(caller)
        TaskRun.objects.update(status=status)

        assert self.retry(api, run).status_code == 202

    def test_a_step_belongs_to_its_run(self, api: APIClient, caller: User) -> None:
        workflow = Workflow.objects.create(id="a", source="s")
        step = failed(caller)
        step.workflow_run = WorkflowRun.objects.create(workflow=workflow, run_id="r")
        step.save()

        response = self.retry(api, step)

        assert (response.status_code, response.json()["status"]) == (409, "FAILED")
        assert "run the workflow again" in response.json()["detail"]


def failed(owner: User) -> TaskRun:
    """A record of a task that is registered."""
    return create(
        task="windsock.django.api.tracked.perform", owner=owner, status="FAILED", takes_context=True
    )


@pytest.mark.parametrize("what", ["cancel", "retry"])
class TestWhoMay:
    def ask(self, api: APIClient, what: str) -> int:
        run = TaskRun.objects.get()
        TaskRun.objects.update(status="FAILED" if what == "retry" else "PENDING")
        return int(api.post(f"/api/tasks/{run.pk}/{what}/").status_code)

    def test_to_others_it_does_not_exist(self, api: APIClient, what: str) -> None:
        failed(User.objects.create_user("ada"))

        assert self.ask(api, what) == 404

    def test_who_only_sees_it_may_not(self, api: APIClient, caller: User, what: str) -> None:
        failed(User.objects.create_user("ada"))
        allow(api, caller, "view_taskrun")

        assert self.ask(api, what) == 403

    def test_who_may_change_it_but_not_see_it_may_not(self, api: APIClient, caller: User, what: str) -> None:
        failed(User.objects.create_user("ada"))
        allow(api, caller, "change_taskrun")

        assert self.ask(api, what) == 404

    def test_who_may_change_it_may(self, api: APIClient, caller: User, what: str) -> None:
        failed(User.objects.create_user("ada"))
        allow(api, caller, "view_taskrun", "change_taskrun")

        assert self.ask(api, what) == 202

    def test_the_owner_may(self, api: APIClient, caller: User, what: str) -> None:
        failed(caller)

        assert self.ask(api, what) == 202


class TestTraceback:
    def test_it_is_for_who_may_view_the_record(self, api: APIClient, caller: User) -> None:
        run = create(status="FAILED", exception="a.B", message="no", traceback="line 1")
        allow(api, caller, "view_taskrun")

        assert api.get(f"/api/tasks/{run.pk}/traceback/").json() == {
            "exception": "a.B",
            "message": "no",
            "traceback": "line 1",
        }

    def test_the_owner_alone_does_not_see_it(self, api: APIClient, caller: User) -> None:
        run = create(owner=caller, status="FAILED", traceback="line 1")

        assert api.get(f"/api/tasks/{run.pk}/traceback/").status_code == 403

    def test_to_others_there_is_none(self, api: APIClient) -> None:
        assert api.get(f"/api/tasks/{create().pk}/traceback/").status_code == 404


class TestOutput:
    def test_it_is_for_who_may_view_the_record(self, api: APIClient, caller: User) -> None:
        run = create(output="line 1\nline 2\n")
        allow(api, caller, "view_taskrun")

        assert api.get(f"/api/tasks/{run.pk}/output/").json() == {"output": "line 1\nline 2\n"}
        assert "output" not in api.get(f"/api/tasks/{run.pk}/").json()

    def test_the_owner_alone_does_not_see_it(self, api: APIClient, caller: User) -> None:
        run = create(owner=caller, output="line 1")

        assert api.get(f"/api/tasks/{run.pk}/output/").status_code == 403

    def test_to_others_there_is_none(self, api: APIClient) -> None:
        assert api.get(f"/api/tasks/{create().pk}/output/").status_code == 404
