"""One open stream: what waits for its client, and the server-sent events that it becomes.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from uuid import UUID

from django.db import Error as DatabaseError
from django.db.models import QuerySet

from windsock.django.events import changes
from windsock.django.events.changes import Change
from windsock.django.events.desks import counter, give_back_thread
from windsock.django.events.fanout import FanOut, fan_out
from windsock.django.events.positions import LAST, START, Position, not_before
from windsock.django.events.viewers import Viewer
from windsock.django.models import TaskRun

logger = logging.getLogger(__name__)

KEEP_ALIVE = 15.0  #: seconds after which a silent stream says that it is there
CHECK = 60.0  #: seconds between two looks whether the viewer may go on
CHECK_AGAIN = 5.0  #: seconds, when the database did not answer
RETRY = 3000  #: milliseconds after which a browser comes back
MOST_WAITING = 1000  #: tasks; a client that is further behind reads the record again
CHUNK = 100  #: events that are sent in one piece
FIRST_STRETCH = timedelta(minutes=1)


class Stream:
    """The events of one task, or of all that the viewer may see.

    Args:
        viewer: who watches.
        task: the only task that is shown; the stream ends with it.
        since: the last event that the client got; None: it begins now.
    """

    def __init__(self, viewer: Viewer, task: UUID | None = None, since: Position | None = None) -> None:
        self.viewer = viewer
        self.task = task
        self._since = since
        self._waiting: dict[UUID, Change] = {}
        self._news = asyncio.Event()
        self._overrun = False
        self._horizon: int | None = None
        self._position = START
        self._over = False
        self._loop = asyncio.get_running_loop()
        self._reader: FanOut | None = None
        self._check_at = self._loop.time() + CHECK
        self.closed = False

    def hand(self, change: Change) -> None:
        """Take a change; of one task the newest state waits, and of all not more than ``MOST_WAITING``."""
        if self._horizon is not None and not not_before(change.transaction, self._horizon):
            return
        waiting = self._waiting.get(change.id)
        if waiting is None or waiting.position <= change.position:
            self._waiting[change.id] = change
        if len(self._waiting) > MOST_WAITING:
            self._waiting.clear()
            self._overrun = True
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield what is sent, until the task has ended or the viewer may not see it any more."""
        await give_back_thread()
        try:
            self._reader = fan_out()
            await self._reader.join(self)
            async for piece in self._begin():
                yield piece
            while not self._over and await self._may_go_on():
                if self._overrun:
                    async for piece in self._catch_up(self._position):
                        yield piece
                elif self._waiting:
                    for piece in self._pieces(self._take()):
                        yield piece
                elif not await self._wait():
                    yield b": \n\n"
        except DatabaseError as error:
            # The client comes back and goes on after the last event that it got.
            logger.warning("An event stream ended: %s", error)
        except Exception:
            # Django would take a TypeError for a sign that this is no asynchronous iterator.
            logger.exception("An event stream ended.")
        finally:
            self._leave()

    def close(self) -> None:
        """End it; called by Django, in any thread, when the answer is complete or the client gone."""
        # The loop is closed when a server stops.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        self.closed = True
        if self._reader is not None:
            self._reader.leave(self)
            self._reader = None

    async def _begin(self) -> AsyncIterator[bytes]:
        if self.task is not None or self._since is not None:
            yield f"retry: {RETRY}\n\n".encode()
            async for piece in self._catch_up(self._since or START):
                yield piece
            return
        now = await counter.ask(changes.now)
        self._horizon, self._position = now.horizon, now.position
        # An id without data: also a client that got no event yet knows from where to go on.
        yield f"retry: {RETRY}\nid: {now.position}\n\n".encode()

    async def _catch_up(self, position: Position) -> AsyncIterator[bytes]:
        """Send the present states of what changed since ``position``, in order and in portions."""
        self._overrun = False
        now = await counter.ask(changes.now)
        self._horizon = now.horizon
        self._waiting = {key: c for key, c in self._waiting.items() if not_before(c.transaction, now.horizon)}
        self._position = max(self._position, position)
        late = await counter.ask(changes.late, self._runs(), position, now.horizon)
        for piece in self._pieces(late):
            yield piece
        stretch = FIRST_STRETCH
        while not self._over and await self._may_go_on():
            # Stretches, because the index finds a short time in a long record fast.
            end = position.at + stretch
            until = None if self.task is not None or end >= now.at else end
            portion = await counter.ask(changes.after, self._runs(), position, now.horizon, until)
            for piece in self._pieces(portion):
                yield piece
            if len(portion) == changes.PORTION:
                position, stretch = portion[-1].position, max(stretch / 2, FIRST_STRETCH)
            elif until is None:
                return
            else:
                position, stretch = Position(until, LAST), stretch * 4

    def _runs(self) -> QuerySet[TaskRun]:
        runs = self.viewer.runs()
        return runs if self.task is None else runs.filter(pk=self.task)

    def _take(self) -> list[Change]:
        waiting, self._waiting = self._waiting, {}
        return sorted(waiting.values(), key=lambda change: change.position)

    def _pieces(self, found: Iterable[Change]) -> Iterable[bytes]:
        events: list[bytes] = []
        for change in found:
            # What was committed late must not lead the client back.
            self._position = max(self._position, change.position)
            events.append(b"id: %s\n%s" % (str(self._position).encode(), change.event))
            self._over = self._over or (self.task is not None and change.finished)
        for start in range(0, len(events), CHUNK):
            yield b"".join(events[start : start + CHUNK])

    async def _wait(self) -> bool:
        """Wait for news, the next check or the time to show a sign of life; tell whether there is news."""
        self._news.clear()
        if self._waiting or self._overrun:
            return True
        pause = min(KEEP_ALIVE, max(0.0, self._check_at - self._loop.time()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._news.wait()
        return self._news.is_set()

    async def _may_go_on(self) -> bool:
        if self._loop.time() < self._check_at:
            return True
        try:
            viewer = await counter.ask(self._checked)
        except DatabaseError:
            self._check_at = self._loop.time() + CHECK_AGAIN
            return True
        self._check_at = self._loop.time() + CHECK
        if viewer is not None:
            self.viewer = viewer
        return viewer is not None

    def _checked(self) -> Viewer | None:
        viewer = self.viewer.again()
        if viewer is None or self.task is None or viewer.runs().filter(pk=self.task).exists():
            return viewer
        return None
