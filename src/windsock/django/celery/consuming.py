"""How a process of ``windsock_worker`` takes messages: one, and it is done before the next is asked for."""

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import bootsteps
from celery.exceptions import InvalidTaskError
from celery.worker.consumer.tasks import Tasks

logger = logging.getLogger(__name__)

Perform = Callable[[str, int], None]


class TakeOne(bootsteps.StartStopStep):
    """Take each message off the broker at once, since the row and not the message is the truth.

    Celery acknowledges by way of its event loop, which a task in this very thread holds up until it ends, and
    asks Redis two more times for each message. On other transports the prefetch limit, which they do not keep
    without acknowledgements, is worth more.
    """

    requires = (Tasks,)

    def start(self, consumer: Any) -> None:
        """Be called for each connection to the broker."""
        consumer.task_consumer.no_ack = consumer.connection.transport.driver_type == "redis"


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
                perform(run_id, attempt)
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
