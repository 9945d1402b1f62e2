"""Sending messages so that a broker in trouble costs a request 0.3 seconds at most, and seldom that."""

import functools
import os
import time
from typing import Any
from uuid import UUID

from kombu import pools
from kombu.exceptions import ChannelError, OperationalError

from windsock.django.celery.app import app
from windsock.django.celery.queues import level, queue_name

TASK = "windsock.run"
LIMIT = 0.3  #: seconds for connecting, for reading and for writing
PAUSE = 1.0  #: seconds without another try after a failure; the relay sends meanwhile

_no_try_before = 0.0


def send(run_id: UUID, attempt: int, *, queue: str, priority: int) -> None:
    """Send the message for the ``attempt``-th attempt of a record.

    Raises:
        OperationalError: the broker cannot be reached, or could not be a moment ago.
    """
    global _no_try_before
    if time.monotonic() < _no_try_before:
        raise OperationalError("the broker could not be reached a moment ago")
    try:
        with _producers().acquire(block=True, timeout=LIMIT) as producer:
            transport = producer.connection.transport.driver_type
            app.send_task(
                TASK,
                args=(str(run_id), attempt),
                # Workers remember revoked ids, so that a later attempt needs another one.
                task_id=str(run_id) if attempt == 1 else f"{run_id}:{attempt}",
                queue=queue_name(queue),
                priority=level(priority, transport=transport),
                producer=producer,
                retry=False,
                ignore_result=True,
                argsrepr="",
                kwargsrepr="",
            )
    except Exception:
        _no_try_before = time.monotonic() + PAUSE
        raise


def waiting(queue: str) -> int:
    """Return how many messages wait in a queue; 0 too when the queue has vanished.

    Raises:
        OperationalError: the broker cannot be reached.
    """
    with _producers().acquire(block=True, timeout=LIMIT) as producer:
        connection = producer.connection
        # After a failure the pool hands out a closed connection, and ``channel`` does not open it.
        connection.ensure_connection(max_retries=0)
        with connection._reraise_as_library_errors(), connection.channel() as channel:
            try:
                return int(channel.queue_declare(queue_name(queue), passive=True).message_count)
            except ChannelError:
                return 0


def _producers() -> Any:
    # Connections must not be shared with a forked process.
    return _pool(os.getpid(), app.conf.broker_write_url or "")


@functools.cache
def _pool(process: int, url: str) -> Any:
    names: tuple[str, ...] = ("connect_timeout", "read_timeout", "write_timeout")
    if url.startswith(("redis", "sentinel", "valkey")):
        names = ("socket_connect_timeout", "socket_timeout")
    # Without the last, a broker that refuses is tried again for six seconds.
    options = app.conf.broker_transport_options | dict.fromkeys(names, LIMIT) | {"max_retries": 0}
    return pools.producers[app.connection_for_write(url or None, transport_options=options)]
