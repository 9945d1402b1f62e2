"""Threads in which asynchronous code asks the database: a few, for however many streams."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import connections

T = TypeVar("T")


class Desk:
    """Some threads, each with at most one connection per database.

    Args:
        threads: how many may ask at the same time.
        keeps: whether a connection stays open from one question to the next; needs ``close``.
    """

    def __init__(self, threads: int, *, keeps: bool = False) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="windsock-events")
        self._keeps = keeps

    async def ask(self, question: Callable[..., T], *arguments: Any) -> T:
        """Return what ``question`` returns in one of the threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._answer, question, arguments)

    def close(self) -> None:
        """Give the connections back and end the threads, after what they do now."""
        if self._keeps:
            self._executor.submit(connections.close_all)
        self._executor.shutdown(wait=False)

    def _answer(self, question: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        usable = False
        try:
            answer = question(*arguments)
            usable = self._keeps
        finally:
            if not usable:
                connections.close_all()
        return answer


#: Who opens a stream, who may go on, what a stream begins with.
counter = Desk(2)
# A forked child has the object but not the threads.
os.register_at_fork(after_in_child=lambda: counter.__init__(2))  # type: ignore[misc]


async def give_back_thread() -> None:
    """End the thread that Django keeps for this request, with its connections.

    An ASGI request has a thread of its own for synchronous code, of middleware for example, until its
    answer is complete: with a stream that may be hours. Code that comes later gets a new one.
    Source: asgiref/sync.py, SyncToAsync.__call__, and django/core/handlers/asgi.py, ASGIHandler.__call__.
    """
    context = SyncToAsync.thread_sensitive_context.get(None)
    # An executor that somebody else brought is not ours to end.
    if context is None or getattr(context, "_executor", None) is not None:
        return
    executor = SyncToAsync.context_to_thread_executor.get(context)
    if executor is not None:
        await sync_to_async(connections.close_all)()
        SyncToAsync.context_to_thread_executor.pop(context, None)
        executor.shutdown(wait=False)
