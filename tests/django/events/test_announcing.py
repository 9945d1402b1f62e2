import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db import transaction
from tests.django import jobs
from tests.django.conftest import Broker, Waiting

from windsock.call import Failure, Outcome
from windsock.django.actions import enqueueing, reconciling, steps, tasks
from windsock.django.events import announcing
from windsock.django.events.addresses import CHANNEL
from windsock.django.events.announcing import announce, announcer
from windsock.django.models import TaskRun, Workflow, WorkflowRun
from windsock.workflow import Step


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


def test_what_is_left_to_say_is_said_at_the_end(broker: Broker) -> None:
    with heard(broker) as pubsub:
        announce()
        assert pubsub.get_message(timeout=5)["type"] == "message"
        announce()
        announcer.stop()
        assert pubsub.get_message(timeout=5)["type"] == "message"


@pytest.fixture
def through() -> Iterator[list[str]]:
    """What another process was told to announce."""
    told_to: list[str] = []
    announcing.announce_through(lambda: told_to.append("streams"))
    yield told_to
    announcing.announce_through(None)


def test_another_process_can_be_told_to_announce(through: list[str]) -> None:
    announce()
    assert through == ["streams"]
    assert threads() == []


def test_a_block_whose_transaction_tells_it_says_nothing_more(through: list[str]) -> None:
    with announcing.told():
        announce()
    assert through == []
    announce()
    assert through == ["streams"]


def test_who_cannot_tell_the_other_process_does_not_suffer() -> None:
    def away() -> None:
        raise OSError("away")

    announcing.announce_through(away)
    announce()
    announcing.announce_through(None)


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


LEASE = timedelta(seconds=30)
FAILURE = Failure(exception="builtins.ValueError", message="no", traceback="")


def pending() -> TaskRun:
    return enqueueing.create(jobs.add, [1], {})


def running() -> TaskRun:
    run = tasks.claim(pending().pk, 1, worker="w", lease=LEASE)
    assert run
    return run


def workflow_run() -> WorkflowRun:
    workflow = Workflow.objects.create(id="a", source="test")
    return WorkflowRun.objects.create(workflow=workflow, run_id="r")


def begun() -> TaskRun:
    with transaction.atomic():
        return steps.begin(workflow_run(), Step(name="one", task="jobs.add"), map_index=-1, attempt=1)


ACTIONS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "create": (lambda: None, lambda _: pending()),
    "claim": (pending, lambda run: tasks.claim(run.pk, 1, worker="w", lease=LEASE)),
    "renew": (running, lambda run: tasks.renew(run, lease=LEASE, progress=5, related_id="")),
    "finish": (running, lambda run: tasks.finish(run, Outcome(value=1))),
    "retry": (running, lambda run: tasks.retry(run, FAILURE)),
    "cancel": (pending, tasks.cancel),
    "cancel what runs": (running, tasks.cancel),
    "begin a step": (lambda: None, lambda _: begun()),
    "end a step": (begun, lambda run: steps.end(run, Outcome(value=1))),
    "give a step back": (begun, lambda run: steps.end(run, Outcome(failure=FAILURE))),
    "reconcile": (workflow_run, lambda run: reconciling.reconcile(run, [])),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_what_an_action_writes_is_announced(name: str, transactional_db: None, broker: Broker) -> None:
    prepare, act = ACTIONS[name]
    given = prepare()
    announcer.stop()
    with heard(broker) as pubsub:
        act(given)
        assert pubsub.get_message(timeout=5)["type"] == "message"


def test_nothing_is_announced_before_it_is_committed(transactional_db: None, broker: Broker) -> None:
    with heard(broker) as pubsub:
        with transaction.atomic():
            pending()
            assert threads() == []
        assert pubsub.get_message(timeout=5)["type"] == "message"
