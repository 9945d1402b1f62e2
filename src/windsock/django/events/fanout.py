"""One reader for all open streams of an event loop: it is woken by Redis, and looks by itself as well.

It begins with the first stream and ends with the last one.
"""

import asyncio
import contextlib
import contextvars
import logging
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db import Error as DatabaseError
from django.db.models import Q, QuerySet

from windsock.django.events import changes
from windsock.django.events.addresses import CHANNEL, redis_url
from windsock.django.events.changes import Change, Now
from windsock.django.events.desks import Desk
from windsock.django.events.positions import Position, not_before
from windsock.django.events.viewers import Viewer
from windsock.django.models import TaskRun

logger = logging.getLogger(__name__)

INTERVAL = 0.1  #: seconds between two looks, at least
LOOK = 5.0  #: seconds after which it looks though nobody woke it
SHARE = 4  #: a look that took a second is followed by four without one
RECONNECT_AFTER = 1.0  #: seconds
LIMIT = 2.0  #: seconds for connecting to Redis
SILENCE = 30.0  #: seconds after which Redis is asked whether it is still there


class Listener(Protocol):
    """What the fan-out needs of a stream."""

    viewer: Viewer
    task: UUID | None  #: the only one that it shows; None: all that its viewer may see

    def hand(self, change: Change) -> None:
        """Take a change that it may show."""


class FanOut:
    """Reads what changed, once for all streams."""

    def __init__(self) -> None:
        self._streams: set[Listener] = set()
        self._woken = asyncio.Event()
        self._looking = asyncio.Lock()
        self._desk = Desk(keeps=True)
        self._last: Now | None = None
        self._past: deque[Now] = deque()
        #: What was read though transactions older than it were under way.
        self._seen: set[tuple[UUID, int]] = set()
        self._failing = False
        # Not in the context of the request that happened to be first.
        nobodys = contextvars.Context()
        self._task = asyncio.create_task(self._run(), name="windsock-events", context=nobodys)

    async def join(self, stream: Listener) -> None:
        """Hand changes to ``stream``: all that are committed after this returns, and maybe some before.

        Raises:
            django.db.Error: the database does not answer.
        """
        self._streams.add(stream)
        # A look that goes on may have left out what only this stream watches.
        async with self._looking:
            if self._last is None:
                await self._read()

    def leave(self, stream: Listener) -> None:
        """Hand it nothing any more; the last one ends the reading."""
        self._streams.discard(stream)
        if not self._streams:
            self._task.cancel()
            loop = asyncio.get_running_loop()
            if _fan_outs.get(loop) is self:
                del _fan_outs[loop]

    async def _run(self) -> None:
        listening = asyncio.create_task(self._listen(), name="windsock-events-redis")
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._woken.clear()
                began = loop.time()
                await self._look()
                await asyncio.sleep(max(INTERVAL, SHARE * (loop.time() - began)))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK - INTERVAL):
                        await self._woken.wait()
        finally:
            listening.cancel()
            self._desk.close()
            await asyncio.gather(listening, return_exceptions=True)

    async def _look(self) -> None:
        try:
            async with self._looking:
                await self._read()
        except Exception as error:
            expected = isinstance(error, DatabaseError) or self._failing
            level = logging.DEBUG if self._failing else logging.WARNING
            logger.log(level, "Open streams wait: %s", error, exc_info=None if expected else error)
            self._failing = True
        else:
            self._failing = False

    async def _read(self) -> None:
        """Hand out what was written by transactions that had not ended at the last look."""
        now = await self._desk.ask(changes.now)
        last = self._last or now
        here, seen = Position(self._earliest(last, now) - changes.CLOCKS), set()
        while True:
            portion = await self._desk.ask(changes.since, self._watched(), here, last.horizon, now.horizon)
            for change in portion:
                version = (change.id, change.transaction)
                if not_before(change.transaction, now.horizon):
                    seen.add(version)
                if version not in self._seen:
                    self._hand_out(change)
            if len(portion) < changes.PORTION:
                break
            here = portion[-1].position
            await asyncio.sleep(0)
        self._last, self._seen = now, seen

    def _earliest(self, last: Now, now: Now) -> datetime:
        """Return since when the transactions may have written that had not ended at the last look."""
        longest = now.at - changes.LONGEST_TRANSACTION
        self._past.append(now)
        while len(self._past) > 1 and (
            not_before(last.horizon, self._past[1].following) or self._past[0].at < longest
        ):
            self._past.popleft()
        first = self._past[0]
        return max(longest, first.at) if not_before(last.horizon, first.following) else longest

    def _watched(self) -> QuerySet[TaskRun]:
        """What any stream may show; read for all of them at once."""
        runs = TaskRun.objects.all()
        everybodys = [stream for stream in self._streams if stream.viewer.sees_all and stream.task is None]
        if everybodys:
            return runs
        owners = {stream.viewer.user.pk for stream in self._streams if stream.task is None}
        return runs.filter(Q(owner_id__in=owners) | Q(pk__in={s.task for s in self._streams if s.task}))

    def _hand_out(self, change: Change) -> None:
        for stream in self._streams:
            if (stream.task is None or stream.task == change.id) and stream.viewer.sees(change):
                stream.hand(change)

    async def _listen(self) -> None:
        """Be woken by announcements; while Redis is away the looks go on."""
        url = redis_url()
        if url is None:
            return
        # Here, because a project with another broker has no client for Redis.
        from redis import RedisError
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        options: Any = {"socket_connect_timeout": LIMIT, "retry": Retry(NoBackoff(), 0)}
        while True:
            try:
                async with Redis.from_url(url, **options) as client, client.pubsub() as pubsub:
                    await self._obey(pubsub)
            except (RedisError, OSError) as error:
                logger.info("Event streams look every %g s until Redis answers: %s", LOOK, error)
            await asyncio.sleep(RECONNECT_AFTER)

    async def _obey(self, pubsub: Any) -> None:
        await pubsub.subscribe(CHANNEL)
        silent = False
        while True:
            # Also the answers to "subscribe" and "ping" wake: something may have happened before them.
            if await pubsub.get_message(timeout=SILENCE) is not None:
                self._woken.set()
                silent = False
            elif silent:
                raise ConnectionError("Redis does not answer")
            else:
                await pubsub.ping()
                silent = True


_fan_outs: WeakKeyDictionary[asyncio.AbstractEventLoop, FanOut] = WeakKeyDictionary()


def fan_out() -> FanOut:
    """Return the running event loop's, which ``join`` of a stream keeps going."""
    loop = asyncio.get_running_loop()
    if loop not in _fan_outs:
        _fan_outs[loop] = FanOut()
    return _fan_outs[loop]


def running() -> Iterable[FanOut]:
    """Return the fan-outs of this process that have streams."""
    return list(_fan_outs.values())
