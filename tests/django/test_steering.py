from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone
from tests.django import jobs
from tests.django.conftest import Broker

from windsock.django import steering
from windsock.django.actions import observed
from windsock.django.models import TaskRun, Workflow, WorkflowRun
from windsock.errors import WrongStatus
from windsock.run import Status

pytestmark = pytest.mark.django_db


def record(status: Status, **fields: object) -> TaskRun:
    values: dict[str, object] = {"task": jobs.add.module_path, "name": "add", "args": [1], "status": status}
    return TaskRun.objects.create(**values | fields)


def test_owners_and_holders_of_the_permission_may_change() -> None:
    ann, bob, root = (User.objects.create_user(name) for name in ("ann", "bob", "root"))
    root.user_permissions.add(Permission.objects.get(codename="change_taskrun"))
    run, nobodys = record(Status.FAILED, owner=ann), record(Status.FAILED)
    assert [steering.may_change(user, run) for user in (ann, bob, root)] == [True, False, True]
    assert [steering.may_change(user, nobodys) for user in (ann, bob, root)] == [False, False, True]


def test_what_waits_is_cancelled_and_what_runs_is_asked() -> None:
    waiting, running = record(Status.PENDING), record(Status.PROCESSING)
    steering.cancel(waiting)
    steering.cancel(running)
    assert waiting.status == Status.CANCELLED
    assert running.cancel_requested_at is not None
    with pytest.raises(WrongStatus, match="asked to stop already"):
        steering.cancel(running)
    with pytest.raises(WrongStatus, match=r"ended already \(CANCELLED\)"):
        steering.cancel(waiting)


def test_an_end_that_came_first_is_told() -> None:
    run = record(Status.PENDING)
    TaskRun.objects.update(status=Status.DONE)
    with pytest.raises(WrongStatus, match="meanwhile"):
        steering.cancel(run)


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED, Status.SKIPPED])
def test_what_ended_otherwise_than_done_is_tried_again_for_its_owner(status: Status, broker: Broker) -> None:
    ann = User.objects.create_user("ann")
    run = record(status, owner=ann, finished_at=timezone.now() - timedelta(days=1))
    new = steering.retry(run)
    assert (new.status, new.retry_of_id, new.owner_id, new.args) == (Status.PENDING, run.pk, ann.pk, [1])


@pytest.mark.parametrize(
    ("status", "why"),
    [(Status.DONE, "It is done"), (Status.PENDING, "not ended"), (Status.PROCESSING, "not ended")],
)
def test_what_cannot_be_retried_is_told(status: Status, why: str) -> None:
    run = record(status)
    assert not steering.can_retry(run)
    with pytest.raises(WrongStatus, match=why):
        steering.retry(run)


def test_a_step_is_not_retried_alone() -> None:
    workflow = Workflow.objects.create(pk="w", source="shop.Report")
    parent = WorkflowRun.objects.create(workflow=workflow, run_id="r")
    with pytest.raises(WrongStatus, match="run the workflow again"):
        steering.retry(record(Status.FAILED, workflow_run=parent, step="s"))


def test_nothing_is_done_to_what_is_only_observed() -> None:
    for status, deed in ((Status.PENDING, steering.cancel), (Status.FAILED, steering.retry)):
        with pytest.raises(WrongStatus, match="only observed"):
            deed(record(status, backend=observed.BACKEND))


def test_a_backend_that_is_gone_is_told() -> None:
    with pytest.raises(WrongStatus, match="gone"):
        steering.retry(record(Status.FAILED, backend="gone"))
