import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db import connection, connections
from tests.django.conftest import Broker

from windsock.django.events.addresses import CHANNEL as STREAMS
from windsock.django.relay.duty import Duty, wake
from windsock.django.relay.loop import Relay

pytestmark = pytest.mark.django_db(transaction=True)

Waiting = Callable[..., None]
HOUR = timedelta(hours=1)


class Counter:
    """A duty that counts its rounds."""

    def __init__(self, *answers: Any) -> None:
        self.rounds = 0
        self.answers = list(answers)

    def __call__(self) -> timedelta | None:
        self.rounds += 1
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def duty(self, name: str = "count", every: timedelta = HOUR) -> Duty:
        return Duty(name=name, every=every, run=self)


@contextmanager
def running(*duties: Duty, ready: Callable[[], None] = lambda: None) -> Iterator[Relay]:
    relay = Relay(duties, ready=ready)

    def run() -> None:
        try:
            relay.run()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield relay
    finally:
        relay.stop()
        thread.join(5)
        assert not thread.is_alive()


def test_every_duty_is_done_at_the_start_and_then_it_is_ready(wait_until: Waiting) -> None:
    first, second, ready = Counter(), Counter(), threading.Event()

    with running(first.duty("a"), second.duty("b"), ready=ready.set):
        wait_until(ready.is_set)

    assert (first.rounds, second.rounds) == (1, 1)


def test_a_duty_is_done_again_after_its_pause(wait_until: Waiting) -> None:
    counter = Counter()
    with running(counter.duty(every=timedelta(milliseconds=20))):
        wait_until(lambda: counter.rounds >= 3)


def test_a_duty_may_want_to_be_done_sooner(wait_until: Waiting) -> None:
    counter = Counter(timedelta(0), timedelta(0))
    with running(counter.duty()):
        wait_until(lambda: counter.rounds == 3)


def test_a_woken_duty_is_done_at_once_and_no_other(wait_until: Waiting) -> None:
    woken, other = Counter(), Counter()
    with running(woken.duty("a"), other.duty("b")):
        wait_until(lambda: woken.rounds == other.rounds == 1)
        wake("a")
        wake("nobody")
        wait_until(lambda: woken.rounds == 2)

    assert other.rounds == 1


def test_a_duty_that_fails_is_tried_again_and_the_others_go_on(
    wait_until: Waiting, caplog: pytest.LogCaptureFixture
) -> None:
    failing, other, ready = Counter(ValueError("once")), Counter(), threading.Event()
    with running(failing.duty("a"), other.duty("b", timedelta(milliseconds=20)), ready=ready.set):
        wait_until(lambda: failing.rounds == 2 and other.rounds > 3)

    assert "a failed: ValueError('once')" in caplog.text
    assert ready.is_set()


def test_a_slow_duty_holds_up_no_other(wait_until: Waiting) -> None:
    gate, other = threading.Event(), Counter()
    slow = Duty(name="slow", every=HOUR, run=lambda: gate.wait(10) and None)
    with running(slow, other.duty(every=timedelta(milliseconds=20))):
        wait_until(lambda: other.rounds >= 3)
        gate.set()


def test_one_relay_works_and_the_other_takes_over(wait_until: Waiting) -> None:
    first, second = Counter(), Counter()
    with running(first.duty()):
        wait_until(lambda: first.rounds == 1)
        with running(second.duty()) as standby:
            assert not standby._leading.is_set()
            assert second.rounds == 0
    with running(second.duty()):
        wait_until(lambda: second.rounds == 1)


def test_the_relay_comes_back_when_the_database_does(wait_until: Waiting) -> None:
    counter = Counter()
    with running(counter.duty()):
        wait_until(lambda: counter.rounds == 1)
        with connection.cursor() as cursor:
            others = "pid <> pg_backend_pid() AND datname = current_database()"
            cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        wait_until(lambda: counter.rounds == 2)


def test_what_wakes_the_relay_is_announced(broker: Broker, wait_until: Waiting) -> None:
    counter = Counter()
    path = str(broker.server.socket_file)
    with redis.Redis(unix_socket_path=path) as client, client.pubsub() as pubsub, running(counter.duty()):
        pubsub.subscribe(STREAMS)
        assert pubsub.get_message(timeout=5)["type"] == "subscribe"
        wait_until(lambda: counter.rounds == 1)
        wake("streams")
        assert pubsub.get_message(timeout=5)["type"] == "message"
    assert counter.rounds == 1
