from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from tests.django import jobs

from windsock.call import Failure
from windsock.django.actions import enqueueing, tasks
from windsock.django.models import TaskRun
from windsock.django.tasks import Label
from windsock.run import Status

pytestmark = pytest.mark.django_db

LEASE = timedelta(seconds=30)
FAILURE = Failure(exception="builtins.ValueError", message="no", traceback="Traceback ...")


def create(task: Any = jobs.add, **options: Any) -> TaskRun:
    return enqueueing.create(task.using(**options), [1], {"b": 2})


def test_the_record_says_what_was_asked_for_and_by_whom() -> None:
    ada = get_user_model().objects.create_user("ada")
    label = Label(name="sum", operation="READ", related_table="t", related_id="7", input_data={"a": 1})

    run = enqueueing.create(jobs.add.using(label=label, priority=5), (1, (2, 3)), {}, owner=ada.pk)

    stored = TaskRun.objects.get(pk=run.pk)
    assert (stored.task, stored.name, stored.args) == ("tests.django.jobs.add", "sum", [1, [2, 3]])
    assert (stored.operation, stored.related_table, stored.related_id) == ("READ", "t", "7")
    assert (stored.owner, stored.priority, stored.input_data) == (ada, 5, {"a": 1})
    assert (stored.status, stored.attempt, stored.max_attempts) == (Status.PENDING, 0, 1)


def test_an_argument_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError):
        enqueueing.create(jobs.add, [object()], {})


def test_a_message_is_given_its_time_before_it_is_sent_again() -> None:
    wait = create().next_send_at - timezone.now()  # type: ignore[operator]

    assert timedelta(seconds=29) < wait <= timedelta(seconds=30)


def test_what_is_due_later_is_not_sent_and_cannot_be_claimed_before() -> None:
    run = create(run_after=timezone.now() + timedelta(hours=1))

    assert tasks.is_deferred(run)
    assert tasks.claim(run.pk, 1, worker="w", lease=LEASE) is None


def test_what_was_due_before_is_sent_like_any_other() -> None:
    run = create(run_after=timezone.now() - timedelta(hours=1))

    assert not tasks.is_deferred(run)
    assert tasks.claim(run.pk, 1, worker="w", lease=LEASE) is not None
