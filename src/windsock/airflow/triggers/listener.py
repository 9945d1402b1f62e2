"""One request at a time that follows all tasks for which triggers of this process wait.

It says what is known of each task and is answered what differs, so that nothing is lost when an answer is, or
the triggerer.
"""

import asyncio
import contextvars
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from windsock.airflow.connection import SiteAway, SiteRefused
from windsock.errors import WireError

log = logging.getLogger(__name__)

WAIT = 20.0  #: seconds that the site holds a request in which nothing changed
PLAIN = 2.0  #: seconds between two requests where it does not hold them
GATHER = 0.2  #: seconds in which new followers come together
BREATH = 0.3  #: seconds after an answer with news; a task may report its progress all the time
MOST = 1000  #: tasks in one request
PORTION = 100  #: tasks in one answer; a full one is followed by the next at once
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 15.0  #: seconds between two tries while the site is away

State = Mapping[str, Any]  #: of a task, as the site tells it


class Asking(Protocol):
    """What it needs of a line."""

    conn_id: str

    async def ask(self, path: str, body: dict[str, Any], *, patience: float = 0) -> dict[str, Any]:
        """Send one request."""

    async def renew(self) -> None:
        """Read the connection anew."""


class Follower:
    """Somebody who follows one task."""

    def __init__(self, id: str, mark: str) -> None:
        self.id = id
        self.mark = mark  #: of the last state that it was told
        self._state: State | None = None
        self._note = ""
        self._news = asyncio.Event()

    def tell(self, state: State) -> None:
        """Take a newer state; of several that were not looked at, the last one counts."""
        if state["mark"] != self.mark:
            self._state, self.mark = state, state["mark"]
            self._news.set()

    def note(self, text: str) -> None:
        """Take a word about the listening itself."""
        self._note = text
        self._news.set()

    async def next(self) -> tuple[State | None, str]:
        """Wait for a newer state, a note, or both."""
        await self._news.wait()
        self._news.clear()
        found = self._state, self._note
        self._state, self._note = None, ""
        return found


class Listener:
    """Follows the tasks of all followers with one request after the other."""

    def __init__(self, line: Asking) -> None:
        self._line = line
        self._followers: set[Follower] = set()
        self._joined = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._pause = SHORTEST_PAUSE
        self._is_away = False

    @contextmanager
    def follow(self, id: str, mark: str) -> Iterator[Follower]:
        """Follow a task while the block lasts.

        Args:
            id: of the task.
            mark: of the state that the caller knows.
        """
        follower = Follower(id, mark)
        self._followers.add(follower)
        self._joined.set()
        if self._task is None or self._task.done():
            # Not in the context of the trigger that happened to be first: that names its log.
            nobodys = contextvars.Context()
            self._task = asyncio.create_task(self._run(), name="windsock-listener", context=nobodys)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    def stop(self) -> None:
        """Follow nothing any more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while self._followers:
            try:
                pause = await self._round()
            except SiteAway as error:
                pause = self._away(error)
            except (SiteRefused, WireError) as error:
                # It did answer before, at the latest when the task was enqueued: somebody is at work there.
                pause = self._away(error)
                await self._line.renew()
            except Exception as error:
                log.exception("Following tasks in Django failed; it goes on")
                pause = self._away(error)
            else:
                self._back()
            await asyncio.sleep(pause)

    async def _round(self) -> float:
        """Ask once for every task; return how long to pause after it."""
        self._joined.clear()
        marks = self._marks()
        parts = [dict(list(marks.items())[at : at + MOST]) for at in range(0, len(marks), MOST)]
        if len(parts) > 1:
            return PLAIN if not sum([await self._ask(part, 0) or 0 for part in parts]) else BREATH
        # Who was away is asked for a plain answer first: it shows at once that it is back.
        began, wait = time.monotonic(), 0.0 if self._is_away else WAIT
        told = await self._ask(marks, wait)
        if told is None or not wait:
            return 0 if told is None else BREATH
        if told:
            return 0 if told >= PORTION else BREATH
        return 0 if time.monotonic() - began > WAIT / 2 else PLAIN

    async def _ask(self, marks: dict[str, str], wait: float) -> int | None:
        """Hand out what changed and return how much that was; None: it was given up for a wider question."""
        body = {"tasks": marks, "wait_seconds": wait}
        asking = asyncio.ensure_future(self._line.ask("tasks/follow/", body, patience=wait))
        joining = asyncio.ensure_future(self._joined.wait())
        try:
            await asyncio.wait({asking, joining}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done() and wait:
                await asyncio.wait({asking}, timeout=GATHER)
                if not asking.done():
                    return None
            states = (await asking).get("tasks")
        finally:
            asking.cancel()
            joining.cancel()
            await asyncio.gather(asking, joining, return_exceptions=True)
        if not isinstance(states, list):
            raise WireError("tasks: expected a list")
        for state in states:
            for follower in [each for each in self._followers if each.id == state["id"]]:
                follower.tell(state)
        return len(states)

    def _marks(self) -> dict[str, str]:
        """Return the mark of each task; none where two followers know different ones."""
        marks: dict[str, str] = {}
        for follower in self._followers:
            known = marks.setdefault(follower.id, follower.mark)
            if known != follower.mark:
                marks[follower.id] = ""
        return marks

    def _away(self, error: Exception) -> float:
        if not self._is_away:
            text = f"{error}; it is asked again until it answers"
            log.warning("Connection %s: %s", self._line.conn_id, text)
            for follower in self._followers:
                follower.note(text)
        self._is_away = True
        pause, self._pause = self._pause, min(LONGEST_PAUSE, 2 * self._pause)
        return pause

    def _back(self) -> None:
        if self._is_away:
            log.warning("Connection %s: Django answers again", self._line.conn_id)
            for follower in self._followers:
                follower.note("Django answers again")
        self._is_away, self._pause = False, SHORTEST_PAUSE
