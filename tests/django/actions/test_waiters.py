from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from tests.django import jobs
from tests.django.conftest import Broker

from windsock.django.actions import retention, waiters
from windsock.django.compat import task_enqueued
from windsock.django.models import TaskRun, Waiter
from windsock.run import Status

pytestmark = pytest.mark.django_db
KEY = UUID("01890a5d-ac96-574b-bcce-b302099a8057")
WHO = waiters.Instance(dag_id="night", run_id="r", task_id="report")


def enqueued(**fields: Any) -> tuple[TaskRun, bool]:
    options = {"id": KEY, "task": jobs.add, "args": [1], "kwargs": {}} | fields
    return waiters.enqueue_once(**options)


def test_a_record_is_written_once_under_the_key(broker: Broker) -> None:
    run, is_new = enqueued(instance=WHO)
    assert (run.pk, is_new) == (KEY, True)
    assert enqueued() == (run, False)
    assert str(Waiter.objects.get()) == "night r report"


def test_who_listens_is_told_once(broker: Broker) -> None:
    heard: list[Any] = []

    def hear(**signal: Any) -> None:
        heard.append(signal["task_result"].id)

    task_enqueued.connect(hear)
    try:
        enqueued()
        enqueued()
    finally:
        task_enqueued.disconnect(hear)
    assert heard == [str(KEY)]


def test_a_call_that_is_unfinished_elsewhere_is_followed_there(broker: Broker) -> None:
    task = jobs.add.using(unique_on=("a",))
    first = task.enqueue(1)
    run, is_new = enqueued(task=task, instance=WHO)
    assert (str(run.pk), is_new) == (first.id, False)
    assert not Waiter.objects.exists()


def test_nobody_need_wait(broker: Broker) -> None:
    enqueued()
    assert not Waiter.objects.exists()


def test_what_is_not_waited_for_any_more_is_cancelled_once(broker: Broker) -> None:
    enqueued(instance=WHO, patience=timedelta(hours=1))
    other, _ = enqueued(id=uuid4(), patience=timedelta(hours=2))
    assert waiters.cancel_expired() == 0
    Waiter.objects.filter(pk=KEY).update(expires_at=timezone.now())
    assert waiters.cancel_expired() == 1
    assert TaskRun.objects.get(pk=KEY).status == Status.CANCELLED
    assert waiters.cancel_expired() == 0
    assert waiters.next_expiry() == Waiter.objects.get(pk=other.pk).expires_at


def test_what_has_ended_in_time_stays_as_it_is(broker: Broker) -> None:
    enqueued(patience=timedelta(hours=1))
    TaskRun.objects.update(status=Status.DONE, finished_at=timezone.now())
    Waiter.objects.update(expires_at=timezone.now())
    assert waiters.cancel_expired() == 1
    run = TaskRun.objects.get()
    assert (run.status, run.cancel_requested_at) == (Status.DONE, None)
    assert waiters.next_expiry() is None


def test_a_waiter_goes_with_its_record(broker: Broker) -> None:
    enqueued(instance=WHO)
    TaskRun.objects.update(status=Status.DONE, finished_at=timezone.now())
    assert retention.delete_tasks([KEY]) == 1
    assert not Waiter.objects.exists()
