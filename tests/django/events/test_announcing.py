import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from tests.django.conftest import Broker, Waiting

from windsock.django.events.addresses import CHANNEL
from windsock.django.events.announcing import announce, announcer


@contextmanager
def heard(broker: Broker) -> Iterator[Any]:
    path = str(broker.server.socket_file)
    with redis.Redis(unix_socket_path=path) as client, client.pubsub() as pubsub:
        pubsub.subscribe(CHANNEL)
        assert pubsub.get_message(timeout=5)["type"] == "subscribe"
        yield pubsub


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "windsock-announcer"]


def test_there_is_no_thread_before_the_first_announcement(broker: Broker) -> None:
    assert threads() == []
    announce()
    assert threads() == ["windsock-announcer"]
    announcer.stop()
    assert threads() == []


def test_many_announcements_are_few_messages(broker: Broker) -> None:
    with heard(broker) as pubsub:
        for _ in range(10_000):
            announce()
        assert pubsub.get_message(timeout=5)["type"] == "message"
        announcer.stop()
        rest = 0
        while pubsub.get_message(timeout=0):
            rest += 1
        assert rest < 20


def test_what_is_announced_after_a_message_is_said_too(broker: Broker) -> None:
    with heard(broker) as pubsub:
        for _ in range(3):
            announce()
            assert pubsub.get_message(timeout=5)["type"] == "message"


@pytest.mark.parametrize("url", ["memory://", "amqp://guest@nowhere//"])
def test_without_redis_nothing_is_done(
    url: str, monkeypatch: pytest.MonkeyPatch, wait_until: Waiting
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", url)
    announce()
    wait_until(lambda: not threads())
    announce()
    assert threads() == []


@pytest.mark.parametrize("url", ["unix:///nowhere/valkey.sock", "redis://host:notaport/0"])
def test_a_redis_that_is_away_or_wrong_hurts_nobody(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", url)
    caplog.set_level("DEBUG", "windsock.django.events")
    announce()
    announce()
    announcer.stop()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_announces_by_itself(broker: Broker) -> None:
    announce()
    with heard(broker) as pubsub:
        child = os.fork()
        if child == 0:
            announce()
            thread = announcer._thread
            while thread and announcer._announced:
                thread.join(0.01)
            announcer.stop()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert pubsub.get_message(timeout=5)["type"] == "message"
