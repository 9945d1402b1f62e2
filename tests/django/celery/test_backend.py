import logging
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from tests.django import jobs, keyed_jobs
from tests.django.conftest import Broker

from windsock.django.celery import sending
from windsock.django.compat import task_backends
from windsock.django.models import TaskRun

pytestmark = pytest.mark.django_db(transaction=True)


def test_nothing_is_sent_before_the_commit(broker: Broker) -> None:
    with transaction.atomic():
        jobs.add.enqueue(1)
        assert sending.waiting("default") == 0

    assert sending.waiting("default") == 1


def test_nothing_is_sent_after_a_rollback(broker: Broker) -> None:
    with transaction.atomic():
        jobs.add.enqueue(1)
        transaction.set_rollback(True)

    assert sending.waiting("default") == 0


def test_what_is_due_later_is_not_sent(broker: Broker) -> None:
    jobs.add.using(run_after=timezone.now() + timedelta(minutes=1)).enqueue(1)

    assert sending.waiting("default") == 0


def test_a_failed_send_is_logged_and_the_record_stays(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "_no_try_before", float("inf"))

    with caplog.at_level(logging.WARNING):
        result = jobs.add.enqueue(1)

    assert TaskRun.objects.get(pk=result.id).status == "PENDING"
    assert "the relay will send it" in caplog.text


def test_the_relay_is_told_how_many_messages_wait(broker: Broker) -> None:
    jobs.add.enqueue(1)

    assert task_backends["default"].waiting("default") == 1  # type: ignore[attr-defined]


def test_a_double_is_not_sent(broker: Broker) -> None:
    first = keyed_jobs.sync.enqueue("x")

    assert keyed_jobs.sync.enqueue("x").id == first.id
    assert [result.id for result in keyed_jobs.sync.enqueue_many([(("x",), {})] * 2)] == [first.id] * 2
    assert sending.waiting("default") == 1


def test_many_are_sent_on_commit(broker: Broker) -> None:
    with transaction.atomic():
        results = jobs.add.enqueue_many([((number,), {}) for number in range(5)])
        assert sending.waiting("default") == 0

    assert sending.waiting("default") == 5
    assert [result.args for result in results] == [[number] for number in range(5)]


def test_many_that_could_not_be_sent_are_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "_no_try_before", float("inf"))

    with caplog.at_level(logging.WARNING):
        first, *_ = jobs.add.enqueue_many([((number,), {}) for number in range(5)])

    (line,) = caplog.messages
    assert first.id in line
    assert "and 4 others" in line
    assert TaskRun.objects.filter(status="PENDING").count() == 5
