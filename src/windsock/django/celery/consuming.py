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
        consumer.ask_ahead = _Ahead(consumer.task_consumer.channel).ask if redis else None


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
            def acknowledge() -> None:
                if not message.acknowledged:
                    # A broken connection is the event loop's matter; the end must be written all the same.
                    with suppress(Exception):
                        message.ack_log_error(logger, errors)

            run_id, attempt = _read(message)
            kept = not consumer.task_consumer.no_ack
            try:
                perform(run_id, attempt, acknowledge if kept else consumer.ask_ahead)
            except Exception:
                logger.exception("Attempt %s of task %s could not be done here.", attempt, run_id)
            if kept:
                acknowledge()

        return handle

    return begin


def _read(message: Any) -> tuple[str, int]:
    try:
        (run_id, attempt), *_ = message.decode()
        return str(UUID(run_id)), int(attempt)
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidTaskError(f"not a message of ours: {error}") from error
