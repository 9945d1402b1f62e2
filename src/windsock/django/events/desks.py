"""Threads in which asynchronous code asks the database: a few, for however many streams."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from operator import attrgetter
from typing import ParamSpec, TypeVar

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")


class Desk:
    """One thread, which has at most one connection per database.

    Args:
        keeps: whether a connection stays open when nobody asks; needs ``close``.
    """

    def __init__(self, *, keeps: bool = False) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="windsock-events")
        self._lock = threading.Lock()
        self._keeps = keeps
        self.waiting = 0  #: questions that are not answered yet

    async def ask(self, question: Callable[P, T], *arguments: P.args, **kwargs: P.kwargs) -> T:
        """Return what ``question`` returns in the thread."""
        with self._lock:
            self.waiting += 1
        future = self._executor.submit(self._answer, partial(question, *arguments, **kwargs))
        future.add_done_callback(self._answered)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Give the connections back and end the thread, after what it does now."""
        self._executor.submit(connections.close_all)
        self._executor.shutdown(wait=False)

    def _answer(self, question: Callable[[], T]) -> T:
        failed = True
        try:
            answer = question()
            failed = False
        finally:
            # While others wait, the connection is kept for them: making one costs more than a question.
            if failed or not (self._keeps or self.waiting > 1):
                connections.close_all()
        return answer

    def _answered(self, future: Future[T]) -> None:
        with self._lock:
            self.waiting -= 1
        if future.cancelled():
            # The connection may have been kept for this question. A closed desk takes none, and has none.
            with contextlib.suppress(RuntimeError):
                self._executor.submit(self._tidy)

    def _tidy(self) -> None:
        if not (self._keeps or self.waiting):
            connections.close_all()


class Counter:
    """Two desks: who opens a stream, who may go on, what a stream begins with."""

    def __init__(self) -> None:
        self._desks = (Desk(), Desk())

    async def ask(self, question: Callable[P, T], *arguments: P.args, **kwargs: P.kwargs) -> T:
        """Return what ``question`` returns at the desk with the shorter queue."""
        desk = min(self._desks, key=attrgetter("waiting"))
        return await desk.ask(question, *arguments, **kwargs)


counter = Counter()
# A forked child has the object but not the threads.
os.register_at_fork(after_in_child=counter.__init__)  # type: ignore[misc]


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
