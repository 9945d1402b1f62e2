"""Sending messages so that a broker in trouble costs a request 0.3 seconds at most, and seldom that."""

import functools
import json
import os
import re
import threading
import time
from base64 import b64encode
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from celery import signals
from kombu import pools
from kombu.exceptions import ChannelError, OperationalError

from windsock.django.celery.app import app
from windsock.django.celery.queues import level, queue_name

TASK = "windsock.run"
LIMIT = 0.3  #: seconds for connecting, for reading and for writing
PAUSE = 1.0  #: seconds without another try after a failure; the relay sends meanwhile
BATCH = 1000  #: messages in one round trip
MOST_THREADS = 10_000  #: that send at the same time, each over a connection of its own

_CALL = '[["%s", %d], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'
_ID, _TAG, _BODY = "<id>", "<tag>", "<body>"

_no_try_before = 0.0  # 0: the last try went well
_turn = threading.Lock()


class Message(NamedTuple):
    """Says that the ``attempt``-th attempt of a record may begin."""

    run_id: UUID
    attempt: int
    queue: str  #: Django's name
    priority: int  #: -100..100

    @property
    def id(self) -> str:
        """Workers remember revoked ids, so that a later attempt needs another one."""
        return str(self.run_id) if self.attempt == 1 else f"{self.run_id}:{self.attempt}"


def send(run_id: UUID, attempt: int, *, queue: str, priority: int) -> None:
    """Send the message for the ``attempt``-th attempt of a record.

    Raises:
        OperationalError: the broker could not be reached a moment ago.
        Exception: it cannot be reached now; whatever its client raises.
    """
    send_all([Message(run_id, attempt, queue, priority)])


def send_all(messages: Sequence[Message]) -> None:
    """Send many, to Redis with one round trip for a thousand; when it fails some may have been sent.

    Raises:
        OperationalError: the broker could not be reached a moment ago.
        Exception: it cannot be reached now; whatever its client raises.
    """
    global _no_try_before
    _take_turn()
    try:
        channel = None if _has_listeners() else _redis(*_where())
        if channel is None:
            _publish(messages)
        else:
            for first in range(0, len(messages), BATCH):
                _push(channel, messages[first : first + BATCH])
    except Exception:
        _no_try_before = time.monotonic() + PAUSE
        raise
    if _no_try_before:
        _no_try_before = 0.0


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


def _take_turn() -> None:
    """After a failure one thread tries, once in a while, and the others do not wait with it."""
    global _no_try_before
    if not _no_try_before:
        return
    with _turn:
        now = time.monotonic()
        if now < _no_try_before:
            raise OperationalError("the broker could not be reached a moment ago")
        if _no_try_before:
            _no_try_before = now + PAUSE


def _has_listeners() -> bool:
    """Whether somebody wants to see, or change, each message before it goes."""
    return bool(signals.before_task_publish.receivers or signals.after_task_publish.receivers)


def _publish(messages: Sequence[Message]) -> None:
    """Send through Celery."""
    with _producers().acquire(block=True, timeout=LIMIT) as producer:
        transport = producer.connection.transport.driver_type
        for message in messages:
            app.send_task(
                TASK,
                args=(str(message.run_id), message.attempt),
                task_id=message.id,
                queue=queue_name(message.queue),
                priority=level(message.priority, transport=transport),
                producer=producer,
                retry=False,
                ignore_result=True,
                argsrepr="",
                kwargsrepr="",
            )


def _push(channel: Any, messages: Sequence[Message]) -> None:
    """Put what Celery would put into Redis; it would look up its routes there, and make each message anew."""
    lists: dict[tuple[str, int], list[str]] = defaultdict(list)
    for message in messages:
        place = (queue_name(message.queue), level(message.priority, transport="redis"))
        lists[place].append(_text(message, _frame(os.getpid(), *place)))
    keys = {channel._q_for_pri(*place): texts for place, texts in lists.items()}
    client = channel.client
    if len(keys) == 1:
        ((key, texts),) = keys.items()
        client.lpush(key, *texts)
    else:
        with client.pipeline(transaction=False) as pipeline:
            for key, texts in keys.items():
                pipeline.lpush(key, *texts)
            pipeline.execute()


@functools.cache
def _frame(process: int, queue: str, priority: int) -> tuple[str, ...]:
    """A message of Celery's protocol 2 as kombu writes it into Redis, cut where each one differs.

    Source: celery.app.amqp.AMQP.as_task_v2, kombu.messaging.Producer, kombu.transport.virtual.Channel.
    """
    headers, properties, _, _ = app.amqp.create_task_message(
        _ID, TASK, ignore_result=True, argsrepr="", kwargsrepr=""
    )
    properties |= {
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": queue},
        "priority": priority,
        "body_encoding": "base64",
        "delivery_tag": _TAG,
    }
    message = {
        "body": _BODY,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": properties,
    }
    return tuple(re.split(f"({_ID}|{_TAG}|{_BODY})", json.dumps(message)))


def _text(message: Message, frame: tuple[str, ...]) -> str:
    body = _CALL % (message.run_id, message.attempt)
    values = {_ID: message.id, _TAG: str(uuid4()), _BODY: b64encode(body.encode()).decode()}
    return "".join([values.get(part, part) for part in frame])


def _where() -> tuple[Any, ...]:
    # Connections must not be shared with a forked process, and Celery's configuration is slow to ask.
    return os.getpid(), os.environ.get("CELERY_BROKER_WRITE_URL"), os.environ.get("CELERY_BROKER_URL")


def _producers() -> Any:
    return _pool(*_where())


@functools.cache
def _pool(*where: Any) -> Any:
    return pools.producers[_connection()]


@functools.cache
def _redis(*where: Any) -> Any:
    """Return the channel whose client all threads share, or None when the broker is another one."""
    connection = _connection(max_connections=MOST_THREADS)
    if connection.transport.driver_type != "redis":
        return None
    connection.ensure_connection(max_retries=0)
    return connection.channel()


def _connection(**options: Any) -> Any:
    url = app.conf.broker_write_url or ""
    names: tuple[str, ...] = ("connect_timeout", "read_timeout", "write_timeout")
    if url.startswith(("redis", "sentinel", "valkey")):
        names = ("socket_connect_timeout", "socket_timeout")
    # Without the last, a broker that refuses is tried again for six seconds.
    options |= app.conf.broker_transport_options | dict.fromkeys(names, LIMIT) | {"max_retries": 0}
    return app.connection_for_write(url or None, transport_options=options)


def _be_born() -> None:
    global _turn
    _turn = threading.Lock()  # its parent may have held it


os.register_at_fork(after_in_child=_be_born)
