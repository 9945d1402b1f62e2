"""Without a broker; ``test_child`` shows it at work."""

import json
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from celery.exceptions import InvalidTaskError
from celery.worker import state

from windsock.django.celery import consuming
from windsock.django.celery.consuming import TakeOne, strategy

RUN = str(uuid4())


class Message:
    """A message of Celery's second protocol."""

    def __init__(self, arguments: Any) -> None:
        self.body = json.dumps([arguments, {}, {}])
        self.acknowledgements = 0

    def decode(self) -> Any:
        return json.loads(self.body)

    @property
    def acknowledged(self) -> bool:
        return self.acknowledgements > 0

    def ack_log_error(self, *_: object) -> None:
        self.acknowledgements += 1


class Channel:
    """Redis with a list of messages, and kombu's way of asking it."""

    def __init__(self) -> None:
        self.client = SimpleNamespace(connection=SimpleNamespace(_sock=object(), can_read=self.can_read))
        self._in_poll: Any = None
        self.asked = 0
        self.broken = False
        self.waiting: list[Any] = []
        self.deliver: Any = None

    def _brpop_start(self) -> None:
        if self.broken:
            raise ConnectionError
        self.asked += 1
        self._in_poll = self.client.connection

    def can_read(self, timeout: float) -> bool:
        return bool(self.waiting) or self.broken

    def _brpop_read(self) -> None:
        self._in_poll = None
        if self.broken:
            raise ConnectionError
        self.deliver(Message(self.waiting.pop(0)))


def consumer(transport: str, channel: Any = None) -> Any:
    made = SimpleNamespace(
        connection=SimpleNamespace(transport=SimpleNamespace(driver_type=transport)),
        task_consumer=SimpleNamespace(no_ack=None, channel=channel),
        connection_errors=(ConnectionError,),
    )
    TakeOne(made).start(made)
    return made


def handle(made: Any, message: Message, perform: Any) -> None:
    strategy(perform)(None, None, made)(message, None, None, None, [])


@pytest.mark.parametrize(("transport", "acknowledged"), [("redis", 0), ("amqp", 1)])
def test_only_redis_needs_no_acknowledgement(transport: str, acknowledged: int) -> None:
    done: list[Any] = []
    message = Message([RUN, 2])

    handle(consumer(transport, Channel()), message, lambda *values: done.append(values[:2]))

    assert done == [(RUN, 2)]
    assert message.acknowledgements == acknowledged


def test_other_brokers_get_it_when_the_function_has_returned() -> None:
    """Earlier they would hand out the next one, which would wait here."""
    seen: list[int] = []
    message = Message([RUN, 1])

    def perform(run_id: str, attempt: int, returned: Any) -> None:
        seen.append(message.acknowledgements)
        returned()
        seen.append(message.acknowledgements)

    handle(consumer("amqp"), message, perform)

    assert (seen, message.acknowledgements) == ([0, 1], 1)


@pytest.mark.parametrize("arguments", [[], [RUN], ["x", 1], [RUN, "x"], [None, 1], 5])
def test_what_is_no_message_of_ours_is_left_to_celery(arguments: Any) -> None:
    with pytest.raises(InvalidTaskError):
        handle(consumer("redis", Channel()), Message(arguments), pytest.fail)


def test_a_process_outlives_what_could_not_be_done(caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the database is gone")

    handle(consumer("redis", Channel()), Message([RUN, 1]), fail)

    assert f"Attempt 1 of task {RUN} could not be done here." in caplog.text


class TestAskingAhead:
    def test_what_was_asked_ahead_is_not_asked_again(self) -> None:
        channel = Channel()
        made = consumer("redis", channel)

        made.ahead.following()
        channel._in_poll = None  # as kombu does when the message in hand is done with
        channel._brpop_start()

        assert (channel.asked, channel._in_poll) == (1, channel.client.connection)
        channel._brpop_start()
        assert channel.asked == 2

    def test_a_new_connection_is_asked_anew(self) -> None:
        channel = Channel()
        made = consumer("redis", channel)

        made.ahead.following()
        channel.client.connection._sock = object()
        channel._brpop_start()

        assert channel.asked == 2

    def test_a_broken_connection_is_the_event_loops_matter(self) -> None:
        channel = Channel()
        made = consumer("redis", channel)
        channel.broken = True

        made.ahead.following()

        channel.broken = False
        channel._brpop_start()
        assert channel.asked == 1

    def test_who_is_to_stop_takes_no_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        channel = Channel()
        monkeypatch.setattr(state, "should_stop", 0)

        consumer("redis", channel).ahead.following()

        assert channel.asked == 0


class TestFollowing:
    """What is at hand when a function returns is done next, without the event loop."""

    @staticmethod
    def work(channel: Channel, monkeypatch: pytest.MonkeyPatch, **limits: float) -> list[Any]:
        """Deliver the first message, do whatever follows, and return what was done."""
        for name, value in limits.items():
            monkeypatch.setattr(consuming, name, value)
        done: list[Any] = []
        made = consumer("redis", channel)

        def perform(run_id: str, attempt: int, returned: Any) -> None:
            sent: Any = (run_id, attempt)
            while sent:
                done.append(sent)
                sent = returned()

        channel.deliver = lambda message: handle(made, message, perform)
        channel._brpop_start()
        channel._brpop_read()
        return done

    def test_all_that_wait_are_done(self, monkeypatch: pytest.MonkeyPatch) -> None:
        channel = Channel()
        channel.waiting = [[RUN, number] for number in range(1, 5)]

        assert self.work(channel, monkeypatch, AT_ONCE=60, TURN=60) == [
            (RUN, number) for number in range(1, 5)
        ]
        asked = channel.asked
        channel._brpop_start()
        assert (asked, channel.asked) == (5, 5)  # the last question still stands

    def test_the_event_loop_has_its_turn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        channel = Channel()
        channel.waiting = [[RUN, 1], [RUN, 2]]

        assert self.work(channel, monkeypatch, AT_ONCE=60, TURN=0) == [(RUN, 1)]
        assert (channel.asked, channel.waiting) == (2, [[RUN, 2]])

    def test_where_few_messages_come_no_end_waits_for_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        channel = Channel()
        channel.waiting = [[RUN, 1], [RUN, 2]]

        assert self.work(channel, monkeypatch, AT_ONCE=0, TURN=60) == [(RUN, 1)]

    def test_trouble_with_the_broker_is_the_event_loops_matter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        channel = Channel()
        channel.waiting = [[RUN, 1], ["not", "ours"]]

        assert self.work(channel, monkeypatch, AT_ONCE=60, TURN=60) == [(RUN, 1)]
