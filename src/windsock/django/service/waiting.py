"""Requests that wait until one of their records changes: one reader for all of an event loop."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from windsock.django.events.desks import counter, give_back_thread
from windsock.django.events.fanout import FanOut
from windsock.django.service import states


class Question:
    """What one request waits for."""

    def __init__(self, known: Mapping[UUID, str]) -> None:
        self.known = known
        self.changed: list[UUID] = []
        self._news = asyncio.Event()

    def compare(self, found: Mapping[UUID, str]) -> None:
        """Be told the marks as they are."""
        self.changed = states.differing(self.known, found)
        if self.changed:
            self._news.set()

    async def wait(self, seconds: float) -> None:
        """Return when something changed, or the time is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass


class Watch(FanOut):
    """Woken and looking as the fan-out of streams is, it reads the marks of what is waited for."""

    async def join(self, stream: Any) -> None:
        """Compare for a question from now on, and once before this returns.

        Raises:
            django.db.Error: the database does not answer.
        """
        self._streams.add(stream)
        async with self._looking:
            await self._compare([stream])

    def leave(self, stream: Any) -> None:
        """Compare for it no more; the last one ends the reading."""
        super().leave(stream)
        if not self._streams:
            _watches.pop(asyncio.get_running_loop(), None)

    async def _read(self) -> None:
        await self._compare(self._streams)

    async def _compare(self, questions: Collection[Any]) -> None:
        asked = list(questions)
        found = await self._desk.ask(states.marks, {key for each in asked for key in each.known})
        for each in asked:
            each.compare(found)


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, Watch] = WeakKeyDictionary()


async def changes(known: Mapping[UUID, str], seconds: float) -> list[dict[str, Any]]:
    """Return what changed of these records, at once or within a time; no thread is held meanwhile.

    Args:
        known: of each record the mark that the caller has.
        seconds: how long to wait, > 0.

    Raises:
        django.db.Error: the database does not answer.
    """
    await give_back_thread()
    loop = asyncio.get_running_loop()
    watch = _watches.get(loop)
    if watch is None:
        watch = _watches[loop] = Watch()
    question = Question(known)
    try:
        await watch.join(question)
        await question.wait(seconds)
    finally:
        watch.leave(question)
    return await counter.ask(states.told, question.changed) if question.changed else []
