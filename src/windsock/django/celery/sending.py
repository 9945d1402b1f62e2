"""Sending messages so that a broker in trouble costs a request 0.3 seconds at most, and seldom that."""

import functools
import json
import os
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
        OperationalError: the broker cannot be reached, or could not be a moment ago.
    """
    send_all([Message(run_id, attempt, queue, priority)])


def send_all(messages: Sequence[Message]) -> None:
    """Send many, to Redis with one round trip for a thousand; when it fails some may have been sent.

    Raises:
        OperationalError: the broker cannot be reached, or could not be a moment ago.
    """
    global _no_try_before
    _take_turn()
    try:
        with _producers().acquire(block=True, timeout=LIMIT) as producer:
            if producer.connection.transport.driver_type == "redis" and not _has_listeners():
                for first in range(0, len(messages), BATCH):
                    _push(producer.channel, messages[first : first + BATCH])
            else:
                for message in messages:
                    _publish(producer, message)
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


def _publish(producer: Any, message: Message) -> None:
    """Send through Celery."""
    transport = producer.connection.transport.driver_type
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
def _frame(process: int, queue: str, priority: int) -> dict[str, Any]:
    """A message of Celery's protocol 2 as kombu writes it into Redis, but for what differs in each.

    Source: celery.app.amqp.AMQP.as_task_v2, kombu.messaging.Producer, kombu.transport.virtual.Channel.
    """
    headers, properties, body, _ = app.amqp.create_task_message(
        "", TASK, args=("",), ignore_result=True, argsrepr="", kwargsrepr=""
    )
    properties |= {
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": queue},
        "priority": priority,
        "body_encoding": "base64",
    }
    return {
        "body": body[1:],
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": properties,
    }


def _text(message: Message, frame: dict[str, Any]) -> str:
    key = message.id
    body = json.dumps([[str(message.run_id), message.attempt], *frame["body"]])
    return json.dumps(
        {
            **frame,
            "body": b64encode(body.encode()).decode(),
            "headers": {**frame["headers"], "id": key, "root_id": key},
            "properties": {**frame["properties"], "correlation_id": key, "delivery_tag": str(uuid4())},
        }
    )


def _producers() -> Any:
    # Connections must not be shared with a forked process, and Celery's configuration is slow to ask.
    return _pool(os.getpid(), os.environ.get("CELERY_BROKER_WRITE_URL"), os.environ.get("CELERY_BROKER_URL"))


@functools.cache
def _pool(process: int, *environment: str | None) -> Any:
    url = app.conf.broker_write_url or ""
    names: tuple[str, ...] = ("connect_timeout", "read_timeout", "write_timeout")
    if url.startswith(("redis", "sentinel", "valkey")):
        names = ("socket_connect_timeout", "socket_timeout")
    # Without the last, a broker that refuses is tried again for six seconds.
    options = app.conf.broker_transport_options | dict.fromkeys(names, LIMIT) | {"max_retries": 0}
    return pools.producers[app.connection_for_write(url or None, transport_options=options)]


def _be_born() -> None:
    global _turn
    _turn = threading.Lock()  # its parent may have held it


os.register_at_fork(after_in_child=_be_born)
