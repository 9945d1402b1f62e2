"""How a process of ``windsock_worker`` takes messages: one, and it is done before the next is asked for."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from celery import bootsteps
from celery.exceptions import InvalidTaskError
from celery.worker import state
from celery.worker.consumer.tasks import Tasks

logger = logging.getLogger(__name__)

Sent = tuple[str, int]  #: what a message of ours says: id and attempt
#: Given the id, the attempt, and what to call when the function has returned, before its end is written;
#: that returns the message which is to be done next, if there is one already.
Perform = Callable[[str, int, Callable[[], Sent | None]], None]

AT_ONCE = 0.01  #: seconds within which an answer of Redis shows that messages are waiting
WAIT = 0.002  #: seconds that the end of a task waits for the next message, where messages are waiting
TURN = 1.0  #: seconds after which Celery's event loop gets its turn


class TakeOne(bootsteps.StartStopStep):
    """Take messages off Redis for good, since the row and not the message is the truth.

    To keep and to acknowledge them would ask Redis two more times for each. Other brokers keep the limit of
    one message in hand only with acknowledgements, and these come late: else the next message would wait
    behind a task that runs, while another process is idle.
    """

    requires = (Tasks,)

    def start(self, consumer: Any) -> None:
        """Be called for each connection to the broker."""
        redis = consumer.connection.transport.driver_type == "redis"
        consumer.task_consumer.no_ack = redis
        consumer.ahead = _Ahead(consumer.task_consumer.channel) if redis else None


class _Ahead:
    """Asks Redis for the next message when a function has returned, and takes it when it is there at once.

    Then it is claimed by the statement that ends the task before. Kombu asks when its event loop comes round
    again; what is answered until then waits for this process, since no task can begin before.
    """

    def __init__(self, channel: Any) -> None:
        self.taking = False
        self.taken: Sent | None = None
        self._channel = channel
        self._asked: Any = None  # the socket on which an answer is due
        self._asked_at = 0.0
        self._began = 0.0
        self._are_waiting = False
        self._ask, channel._brpop_start = channel._brpop_start, self._ask_once

    def begin(self) -> None:
        """Be told that a message has come through the event loop."""
        self._began = time.monotonic()
        self._are_waiting = self._began - self._asked_at < AT_ONCE

    def following(self) -> Sent | None:
        """Ask now, and return what is there; what is answered later goes through the event loop."""
        if state.should_stop is not None or state.should_terminate is not None:
            return None
        # Trouble with the broker must not keep the end from being written; the event loop finds it too.
        with suppress(Exception):
            self._ask_now()
            if self._are_waiting and time.monotonic() - self._began < TURN:
                return self._take()
        return None

    def _ask_now(self) -> None:
        self._ask()
        self._asked_at = time.monotonic()
        self._asked = self._channel.client.connection._sock

    def _ask_once(self, *args: Any, **kwargs: Any) -> None:
        asked, self._asked = self._asked, None
        connection = self._channel.client.connection
        if asked is not None and asked is connection._sock:
            self._channel._in_poll = connection
        else:
            self._ask(*args, **kwargs)
            self._asked_at = time.monotonic()

    def _take(self) -> Sent | None:
        self._are_waiting = self._channel.client.connection.can_read(WAIT)
        if not self._are_waiting:
            return None
        self._asked, self.taking = None, True
        try:
            self._channel._brpop_read()
            return self.taken
        finally:
            self.taking, self.taken = False, None


def strategy(perform: Perform) -> Callable[..., Any]:
    """Return what Celery asks how to treat the messages of a task: ``perform`` is called right away.

    Celery's own way makes a request of it, traces that and sends five signals; together they take as long as
    claim and end.
    """

    def begin(task: Any, app: Any, consumer: Any, **_: Any) -> Callable[..., None]:
        def handle(message: Any, body: Any, ack: Any, reject: Any, callbacks: Any, **_: Any) -> None:
            sent, ahead = _read(message), consumer.ahead
            if ahead is None:
                with _acknowledged(message, consumer) as acknowledge:
                    _perform(perform, sent, acknowledge)
            elif ahead.taking:
                ahead.taken = sent
            else:
                ahead.begin()
                _perform(perform, sent, ahead.following)

        return handle

    return begin


def _perform(perform: Perform, sent: Sent, returned: Callable[[], Sent | None]) -> None:
    try:
        perform(*sent, returned)
    except Exception:
        logger.exception("Attempt %s of task %s could not be done here.", sent[1], sent[0])


@contextmanager
def _acknowledged(message: Any, consumer: Any) -> Iterator[Callable[[], None]]:
    """Acknowledge when asked to, at the end of the block at the latest."""

    def acknowledge() -> None:
        if not message.acknowledged:
            # A broken connection is the event loop's matter; the end must be written all the same.
            with suppress(Exception):
                message.ack_log_error(logger, consumer.connection_errors)

    yield acknowledge
    acknowledge()


def _read(message: Any) -> Sent:
    try:
        (run_id, attempt), *_ = message.decode()
        return str(UUID(run_id)), int(attempt)
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidTaskError(f"not a message of ours: {error}") from error
