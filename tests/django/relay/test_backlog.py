"""The relay before a long queue, with a real broker and a real worker."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from tests.django import jobs
from tests.django.conftest import Broker, Start

from windsock.django.actions import enqueueing
from windsock.django.celery import sending
from windsock.django.celery.backend import CeleryBackend
from windsock.django.models import TaskRun
from windsock.django.relay import tasks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]

COUNT = 100_000
DRAINED = 10_000  #: of these, while the relay looks as often as it can
Waiting = Callable[..., None]


@pytest.fixture
def sent_again(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the relay has sent."""
    sent: list[Any] = []
    send = CeleryBackend.send

    def counted(self: CeleryBackend, runs: Sequence[TaskRun]) -> None:
        sent.extend(run.pk for run in runs)
        send(self, runs)

    monkeypatch.setattr(CeleryBackend, "send", counted)
    monkeypatch.setattr(tasks, "_no_count_before", 0.0)
    return sent


def pile_up() -> None:
    """A hundred thousand records of five minutes ago, with their messages, which nobody has read."""
    enqueueing.create(jobs.add, [1], {})
    columns = [field.column for field in TaskRun._meta.concrete_fields if field.name != "id"]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO windsock_taskrun (id, {', '.join(columns)})"
            f" SELECT gen_random_uuid(), {', '.join(columns)} FROM windsock_taskrun, generate_series(2, %s)",
            [COUNT],
        )
    long_ago = timezone.now() - timedelta(minutes=5)
    TaskRun.objects.update(created_at=long_ago, next_send_at=long_ago + timedelta(seconds=30))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE windsock_taskrun")
    keys = TaskRun.objects.values_list("pk", flat=True)
    sending.send_all([sending.Message(key, 1, "default", 0) for key in keys.iterator()])


def test_a_backlog_of_100000_is_not_sent_twice(broker: Broker, start: Start, sent_again: list[Any]) -> None:
    pile_up()
    for _ in range(60):  # five minutes of rounds, without the pause after each count
        tasks._no_count_before = 0.0
        tasks.send_due()
    assert sent_again == []

    start(broker, "django", "windsock_worker", "--processes", "2")
    deadline = time.monotonic() + 600
    while TaskRun.objects.filter(status="DONE").count() < DRAINED:
        assert time.monotonic() < deadline
        tasks._no_count_before = 0.0
        tasks.send_due()

    assert len(sent_again) < DRAINED / 100
    assert not TaskRun.objects.filter(attempt__gt=1).exists()


def test_a_backlog_whose_messages_are_gone_is_sent_again(broker: Broker, sent_again: list[Any]) -> None:
    pile_up()
    broker.ask("FLUSHDB")

    while len(sent_again) < COUNT:
        assert tasks.send_due() == timedelta(0)

    assert sending.waiting("default") == COUNT
    assert len(set(sent_again)) == COUNT


def test_a_round_costs_little_before_a_long_queue(
    broker: Broker, sent_again: list[Any], django_assert_max_num_queries: Any
) -> None:
    """A first round counts; until it may count again, the relay only looks at small indexes."""
    pile_up()
    tasks.send_due()
    with django_assert_max_num_queries(4) as context:
        tasks.send_due()
        tasks.end_lost()

    for query in context.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {query['sql']}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Seq Scan" not in plan, plan
