from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from windsock.django.models import TaskRun, Workflow, WorkflowRun, WorkflowVersion

pytestmark = pytest.mark.django_db
ROOT = "/api/runs/"


@pytest.fixture
def client() -> Client:
    user = User.objects.create_user("ann")
    user.user_permissions.set(Permission.objects.filter(codename="view_workflowrun"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def run() -> WorkflowRun:
    workflow = Workflow.objects.create(id="a", source="test")
    return WorkflowRun.objects.create(
        workflow=workflow,
        run_id="r",
        revision=3,
        params={"day": "mon"},
        logical_date=datetime(2026, 1, 2, tzinfo=UTC),
    )


def test_a_run_is_shown_with_its_steps(client: Client, run: WorkflowRun) -> None:
    for name in ("one", "two"):
        TaskRun.objects.create(task="t", name=name, workflow_run=run, step=name)

    answer = client.get(f"{ROOT}{run.id}/").json()

    assert [step["task_name"] for step in answer.pop("steps")] == ["one", "two"]
    assert answer.pop("version") is None
    assert answer == client.get(ROOT).json()["results"][0]
    assert set(answer) == {
        *("id", "workflow", "run_id", "origin", "status", "revision", "params", "message", "requested_by"),
        *("logical_date", "created_at", "started_at", "finished_at", "cancel_requested_at", "backfill"),
    }


def test_a_run_tells_which_version_it_runs(client: Client, run: WorkflowRun) -> None:
    other = Workflow.objects.create(id="b", source="test")
    for number, workflow in enumerate([run.workflow, other, other, run.workflow], start=1):
        WorkflowVersion.objects.create(workflow=workflow, digest="0", document={}, revision=number)

    answer = client.get(f"{ROOT}{run.id}/").json()

    assert (answer["revision"], answer["version"]) == (3, 1)


def test_a_run_of_a_backfill_says_so(client: Client, run: WorkflowRun) -> None:
    assert client.get(ROOT).json()["results"][0]["backfill"] is False
    WorkflowRun.objects.update(origin=WorkflowRun.Origin.BACKFILL)
    assert client.get(ROOT, {"origin": "backfill"}).json()["results"][0]["backfill"] is True


def test_the_newest_runs_come_first(client: Client, run: WorkflowRun) -> None:
    newer = WorkflowRun.objects.create(workflow=run.workflow, run_id="s")

    assert [item["id"] for item in client.get(ROOT).json()["results"]] == [str(newer.id), str(run.id)]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"workflow": "a"}, 1),
        ({"workflow": "b"}, 0),
        ({"status": "DONE"}, 0),
        ({"origin": "request", "status": "PENDING"}, 1),
        ({"logical_after": "2026-01-02T00:00:00Z", "logical_before": "2026-01-03T00:00:00Z"}, 1),
        ({"logical_after": "2026-01-02T00:00:01Z"}, 0),
        ({"logical_before": "2026-01-02T01:00:00+01:00"}, 0),
    ],
)
@pytest.mark.usefixtures("run")
def test_the_list_is_filtered(client: Client, query: Any, count: int) -> None:
    assert client.get(ROOT, query).json()["count"] == count


@pytest.mark.parametrize(
    "query", [{"status": "done"}, {"origin": "x"}, {"logical_after": "monday"}, {"workflow": "a\x00"}]
)
def test_a_filter_that_cannot_be_is_refused(client: Client, query: Any) -> None:
    answer = client.get(ROOT, query)

    assert answer.status_code == 400
    assert list(answer.json()) == list(query)


def test_permissions_are_asked_for(client: Client, run: WorkflowRun) -> None:
    User.objects.get().user_permissions.clear()

    for path in (ROOT, f"{ROOT}{run.id}/"):
        assert client.get(path).status_code == 403
        assert Client().get(path).status_code == 401
