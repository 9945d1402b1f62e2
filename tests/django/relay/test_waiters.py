from datetime import timedelta

import pytest
from django.utils import timezone

from windsock.django.actions import waiters as actions
from windsock.django.models import TaskRun, Waiter
from windsock.django.relay import waiters
from windsock.django.relay.duties import all_duties
from windsock.django.relay.duty import POLL
from windsock.run import Status

pytestmark = pytest.mark.django_db


def waited_for(left: timedelta, **fields: object) -> TaskRun:
    run = TaskRun.objects.create(task="a.b", name="b", **fields)
    Waiter.objects.create(record=run, expires_at=timezone.now() + left)
    return run


def test_what_nobody_waits_for_is_cancelled() -> None:
    run = waited_for(timedelta(seconds=-1))
    running = waited_for(timedelta(seconds=-1), status=Status.PROCESSING, attempt=1)
    assert waiters.give_up() is None
    run.refresh_from_db()
    running.refresh_from_db()
    assert run.status == Status.CANCELLED
    assert running.status == Status.PROCESSING
    assert running.cancel_requested_at


def test_it_looks_again_when_the_next_gives_up() -> None:
    waited_for(timedelta(seconds=2))
    pause = waiters.give_up()
    assert pause is not None
    assert timedelta(seconds=1) < pause <= timedelta(seconds=2)
    Waiter.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    assert waiters.give_up() == POLL


def test_more_than_a_batch_goes_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "BATCH", 1)
    waited_for(timedelta(seconds=-1))
    assert waiters.give_up() == timedelta(0)


def test_the_relay_does_it() -> None:
    assert "waiters" in {duty.name for duty in all_duties()}
