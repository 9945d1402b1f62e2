import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from windsock.django.models import TaskRun, Waiter, Workflow, WorkflowRun

pytestmark = pytest.mark.django_db
KEY = {"dag_id": "night", "run_id": "manual__1", "task_id": "report", "map_index": "-1", "try_number": "1"}


@pytest.fixture
def staff(client: Client) -> Client:
    user = User.objects.create_user("staff")
    user.user_permissions.add(Permission.objects.get(codename="view_taskrun"))
    client.force_login(user)
    return client


def started(try_number: int = 1) -> TaskRun:
    run = TaskRun.objects.create(task="a.b", name="b")
    Waiter.objects.create(
        record=run, dag_id="night", run_id="manual__1", task_id="report", try_number=try_number
    )
    return run


def test_the_task_that_a_dag_started_is_found_by_its_try(staff: Client) -> None:
    first, second = started(1), started(2)
    assert staff.get("/windsock/record/", KEY)["Location"] == f"/windsock/tasks/{first.pk}/"
    later = staff.get("/windsock/record/", KEY | {"try_number": "2"})
    assert later["Location"] == f"/windsock/tasks/{second.pk}/"


def test_of_a_run_that_was_deleted_and_made_again_the_newer_record_counts(staff: Client) -> None:
    _, second = started(), started()
    assert staff.get("/windsock/record/", KEY)["Location"] == f"/windsock/tasks/{second.pk}/"


def test_the_record_of_a_step_is_found(staff: Client) -> None:
    workflow = Workflow.objects.create(id="night", source="test")
    run = WorkflowRun.objects.create(workflow=workflow, run_id="manual__1")
    step = TaskRun.objects.create(task="a.b", name="b", workflow_run=run, step="report")
    answer = staff.get("/windsock/record/", KEY | {"try_number": "7"})
    assert answer["Location"] == f"/windsock/tasks/{step.pk}/"


@pytest.mark.parametrize(
    "query",
    [
        KEY | {"task_id": "other"},
        KEY | {"map_index": "x"},
        KEY | {"run_id": "\x00"},
        {},
        KEY | {"map_index": "3"},
    ],
)
def test_what_is_not_there_is_not_found(staff: Client, query: dict[str, str]) -> None:
    started()
    assert staff.get("/windsock/record/", query).status_code == 404


def test_nobody_learns_of_what_is_not_theirs(client: Client) -> None:
    started()
    assert "/windsock/login/" in client.get("/windsock/record/", KEY)["Location"]
    client.force_login(User.objects.create_user("ann"))
    assert client.get("/windsock/record/", KEY).status_code == 404
