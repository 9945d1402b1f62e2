"""Stopping a function from outside while it runs, and never what runs after it.

Another thread asks. In the main thread a signal then raises ``Stopped``, which interrupts what blocks, such
as ``time.sleep`` or a query; an async function is cancelled as asyncio does it; in any other thread the
exception comes up at the next line of Python.
"""

import asyncio
import ctypes
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from functools import wraps
from types import FrameType
from typing import Any

#: Neither Celery nor a profiler uses it, and a process without a handler for it does not notice.
SIGNAL = signal.SIGURG


class Stopped(KeyboardInterrupt):
    """The task was cancelled, or its time is over.

    Like Ctrl-C it is no ``Exception``, so that ``except Exception`` lets it pass, and libraries know to clean
    up: psycopg, for one, cancels the query that it waits for.
    """


class Guard:
    """The time from the call of a function to its return, in which alone it may be stopped.

    ``enter`` and ``leave`` are for the thread that runs the function, ``stop`` and ``kill`` for another one.
    """

    def __init__(self) -> None:
        self.stopping = False  #: whether it was asked to stop while it ran
        self.has_raised = False  #: in the main thread
        self._lock = threading.Lock()
        self._running = False
        self._thread = 0
        self._is_async = False
        self._awaiting: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None
        self._around: Guard | None = None

    def enter(self) -> None:
        """Begin."""
        global _in_main
        self._thread = threading.get_ident()
        if self._is_main:
            if signal.getsignal(SIGNAL) is not _raise:
                signal.signal(SIGNAL, _raise)
            self._around, _in_main = _in_main, self
        self._running = True

    def leave(self) -> None:
        """End; afterwards nothing is raised here any more. After ``Stopped`` it is called again."""
        global _in_main
        with self._lock:
            self._running = False
        if _in_main is self:
            _in_main = self._around
        if self.stopping and not self._is_main:
            _raise_in(self._thread, None)

    def awaited(self, function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Return an async function so that it can be stopped where it awaits."""
        self._is_async = True

        @wraps(function)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 -- for the type checker; a coroutine runs in a task
            with self._lock:
                self._awaiting = asyncio.get_running_loop(), task
                if self.stopping:
                    task.cancel()
            try:
                return await function(*args, **kwargs)
            finally:
                with self._lock:
                    self._awaiting = None

        return awaited

    def stop(self) -> None:
        """Raise ``Stopped`` in the function, or cancel it, once; without effect when it has returned."""
        with self._lock:
            if not self._running or self.stopping:
                return
            self.stopping = True
            if self._is_async:
                if self._awaiting is not None:
                    loop, task = self._awaiting
                    loop.call_soon_threadsafe(task.cancel)
            elif self._is_main:
                signal.pthread_kill(self._thread, SIGNAL)
            else:
                _raise_in(self._thread, Stopped)

    def kill(self, confirm: Callable[[], object]) -> None:
        """Kill this process, unless the function has returned.

        Args:
            confirm: called before; the function cannot return meanwhile. What it raises prevents the end.
        """
        with self._lock:
            if self._running:
                confirm()
                os.kill(os.getpid(), signal.SIGKILL)

    @property
    def _is_main(self) -> bool:
        return self._thread == threading.main_thread().ident


_in_main: Guard | None = None  # what may be stopped in the main thread


def _raise(number: int, frame: FrameType | None) -> None:
    """Only for the function that was asked: the signal may arrive when it has returned."""
    guard = _in_main
    if guard is not None and guard.stopping and not guard.has_raised:
        guard.has_raised = True
        raise Stopped


def _raise_in(thread: int, exception: type[BaseException] | None) -> None:
    kind = ctypes.py_object(exception) if exception else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), kind)
