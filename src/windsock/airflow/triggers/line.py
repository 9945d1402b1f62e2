"""What the triggers of one event loop share of one connection: the client, the listener, the checker."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import uniform
from typing import Any
from weakref import WeakKeyDictionary

import httpx

from windsock.airflow.connection import DjangoHook, Site, SiteAway, SiteRefused
from windsock.airflow.triggers.checker import Checker
from windsock.airflow.triggers.listener import Listener

log = logging.getLogger(__name__)

AT_ONCE = 8  #: requests at the same time, beside the listener's one
FAILS, MOST_FAILURES = 500, 5  #: an error of the site's own, which may be about this one request
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 15.0  #: seconds between two tries while the site is away


class Line:
    """A line to one Django site; it is opened with the first request."""

    def __init__(self, conn_id: str) -> None:
        self.conn_id = conn_id
        self.users = 0
        self.listener = Listener(self)
        self.checker = Checker(self)
        self._site: Site | None = None
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def ask(self, path: str, body: dict[str, Any], *, patience: float = 0) -> dict[str, Any]:
        """Send one request; see ``Site.ask``."""
        client, site = await self._open()
        return await site.aask(client, path, body, patience=patience)

    async def insist(self, path: str, body: dict[str, Any], *, say: Callable[[str], None]) -> dict[str, Any]:
        """Send one request until the site answers; few of them at the same time.

        Args:
            path: of a request that does no harm twice.
            body: its object.
            say: is told once that the site is away.

        Raises:
            SiteRefused: it refuses, or it fails at this request again and again.
            WireError: the answer cannot be read here.
        """
        pauses, said, failures = Pauses(), False, 0
        while True:
            try:
                async with self._slots:
                    return await self.ask(path, body)
            except SiteAway as error:
                if not said:
                    say(f"{error}; it is asked again until it answers")
                    said = True
                failures += error.status == FAILS
                if failures >= MOST_FAILURES:
                    raise SiteRefused(f"{error}, {failures} times", FAILS) from None
            await asyncio.sleep(pauses.next())

    async def url_of(self, id: str) -> str:
        """Return the address of a record's page."""
        _, site = await self._open()
        return f"{site.url}/windsock/tasks/{id}/"

    async def renew(self) -> None:
        """Read the connection anew with the next request; somebody may have changed the key."""
        async with self._opening:
            client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def close(self) -> None:
        """End what it has begun."""
        self.listener.stop()
        self.checker.stop()
        await self.renew()

    async def _open(self) -> tuple[httpx.AsyncClient, Site]:
        async with self._opening:
            if self._client is None or self._site is None:
                self._site = (await DjangoHook.afrom(self.conn_id)).client()
                self._client = await self._site.async_client()
            return self._client, self._site


class Pauses:
    """Pauses that grow, each a little different from what others have."""

    def __init__(self) -> None:
        self._next = SHORTEST_PAUSE

    def next(self) -> float:
        """Return how long to wait, seconds."""
        pause, self._next = self._next, min(LONGEST_PAUSE, 2 * self._next)
        return pause * uniform(0.8, 1.2)  # noqa: S311


_lines: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Line]] = WeakKeyDictionary()


@asynccontextmanager
async def line_to(conn_id: str) -> AsyncIterator[Line]:
    """Share the line of a connection while the block lasts; the last one closes it."""
    lines = _lines.setdefault(asyncio.get_running_loop(), {})
    line = lines.setdefault(conn_id, Line(conn_id))
    line.users += 1
    try:
        yield line
    finally:
        line.users -= 1
        if line.users == 0:
            del lines[conn_id]
            await line.close()
