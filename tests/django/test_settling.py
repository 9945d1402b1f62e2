from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from tests.django import jobs

from windsock.call import Failure, Outcome
from windsock.django import compat
from windsock.django.actions import enqueueing, tasks
from windsock.django.models import TaskRun
from windsock.django.settling import settle

pytestmark = pytest.mark.django_db

FAILURE = Failure(exception="builtins.ValueError", message="no", traceback="Traceback ...")


@pytest.fixture(autouse=True)
def delivered(monkeypatch: pytest.MonkeyPatch) -> list[TaskRun]:
    runs: list[TaskRun] = []
    monkeypatch.setattr(compat.task_backends["default"], "deliver", runs.append)
    return runs


def claimed(**options: Any) -> TaskRun:
    run = enqueueing.create(jobs.add.using(**options), [1], {})
    found = tasks.claim(run.pk, 1, worker="w", lease=timedelta(seconds=30))
    assert found is not None
    return found


def stored() -> TaskRun:
    return TaskRun.objects.get()


def test_a_failure_with_attempts_left_is_sent_again(delivered: list[TaskRun]) -> None:
    assert settle(claimed(retries=1), Outcome(failure=FAILURE))

    assert (stored().status, stored().message) == ("PENDING", "no")
    assert [run.pk for run in delivered] == [stored().pk]


def test_the_last_failure_ends_it(delivered: list[TaskRun]) -> None:
    assert settle(claimed(), Outcome(failure=FAILURE))

    assert (stored().status, delivered) == ("FAILED", [])


def test_what_is_to_be_cancelled_is_not_tried_again(delivered: list[TaskRun]) -> None:
    run = claimed(retries=1)
    TaskRun.objects.update(cancel_requested_at=timezone.now())

    assert settle(run, Outcome(failure=FAILURE))

    assert (stored().status, stored().traceback, delivered) == ("CANCELLED", "Traceback ...", [])


def test_a_task_that_returned_is_done_although_it_was_to_be_cancelled() -> None:
    run = claimed()
    tasks.cancel(stored())

    assert settle(run, Outcome(value=2))

    assert stored().status == "DONE"


@pytest.mark.parametrize("outcome", [Outcome(value=1), Outcome(failure=FAILURE)])
def test_an_attempt_that_was_given_up_ends_nothing(delivered: list[TaskRun], outcome: Outcome) -> None:
    run = claimed(retries=1)
    tasks.retry(stored(), FAILURE)

    assert not settle(run, outcome)
    assert (stored().status, delivered) == ("PENDING", [])
