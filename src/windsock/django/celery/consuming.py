"""How a process of ``windsock_worker`` takes messages: one, and it is done before the next is asked for."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from celery import bootsteps
from celery.exceptions import InvalidTaskError
from celery.worker import state
from celery.worker.consumer.tasks import Tasks

logger = logging.getLogger(__name__)

#: Given the id, the attempt, and what to call when the function has returned, before its end is written.
Perform = Callable[[str, int, Callable[[], None]], None]


class TakeOne(bootsteps.StartStopStep):
    """Take each message off the broker at once, since the row and not the message is the truth.

    Celery acknowledges by way of its event loop, which a task in this very thread holds up until it ends, and
    asks Redis two more times for each message. On other transports the prefetch limit, which they do not keep
    without acknowledgements, is worth more.
    """

    requires = (Tasks,)

    def start(self, consumer: Any) -> None:
        """Be called for each connection to the broker."""
        redis = consumer.connection.transport.driver_type == "redis"
        consumer.task_consumer.no_ack = redis
        consumer.ask_ahead = _Ahead(consumer.task_consumer.channel).ask if redis else _wait


def _wait() -> None:
    """Ask the broker for the next message when the last one is done with."""


class _Ahead:
    """Asks Redis for the next message while the end of a task is being written, and not twice.

    Kombu asks when its event loop comes round again. What is answered meanwhile waits for this process a
    millisecond, since no task can begin before.
    """

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._asked: Any = None  # the socket on which an answer is due
        self._ask, channel._brpop_start = channel._brpop_start, self._ask_once

    def ask(self) -> None:
        """Ask now; what is asked is not asked again."""
        if state.should_stop is not None or state.should_terminate is not None:
            return
        # Trouble with the broker must not keep the end from being written; the event loop finds it too.
        with suppress(Exception):
            self._ask()
            self._asked = self._channel.client.connection._sock

    def _ask_once(self, *args: Any, **kwargs: Any) -> None:
        asked, self._asked = self._asked, None
        connection = self._channel.client.connection
        if asked is not None and asked is connection._sock:
            self._channel._in_poll = connection
        else:
            self._ask(*args, **kwargs)


def strategy(perform: Perform) -> Callable[..., Any]:
    """Return what Celery asks how to treat the messages of a task: ``perform`` is called right away.

    Celery's own way makes a request of it, traces that and sends five signals; together they take as long as
    claim and end.
    """

    def begin(task: Any, app: Any, consumer: Any, **_: Any) -> Callable[..., None]:
        errors = consumer.connection_errors

        def handle(message: Any, body: Any, ack: Any, reject: Any, callbacks: Any, **_: Any) -> None:
            run_id, attempt = _read(message)
            if not consumer.task_consumer.no_ack:
                message.ack_log_error(logger, errors)
            try:
                perform(run_id, attempt, consumer.ask_ahead)
            except Exception:
                logger.exception("Attempt %s of task %s could not be done here.", attempt, run_id)

        return handle

    return begin


def _read(message: Any) -> tuple[str, int]:
    try:
        (run_id, attempt), *_ = message.decode()
        return str(UUID(run_id)), int(attempt)
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidTaskError(f"not a message of ours: {error}") from error
