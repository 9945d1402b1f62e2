"""The parent of ``windsock_worker``: forks one process per task at a time, and replaces those that end."""

import ctypes
import gc
import logging
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  #: seconds before a process is replaced that was never ready
_PR_SET_PDEATHSIG = 1
_FIRST_PLACE = 100  # the byte that says that the first place is ready
_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

Work = Callable[[int, Callable[[], object]], int]


@dataclass(slots=True)
class _Place:
    """One of the processes, whoever holds the place now."""

    number: int
    pid: int = 0  #: 0: nobody
    was_ready: bool = False
    pause: float = 0.0
    not_before: float = 0.0


class Processes:
    """Keeps a number of processes at work until it is asked to stop, without any thread but the main one.

    SIGTERM or SIGINT: each process ends after its task. Once more, or SIGQUIT: all are killed. A parent that
    is killed takes them along.

    Args:
        work: what a process does, given its number from 0 and what to call when it is ready; returns a code.
        count: how many, 1..150.
        ready: called once, when all are ready.
        gone: called with the pid of each process that died, after it was replaced.
    """

    def __init__(
        self,
        work: Work,
        *,
        count: int,
        ready: Callable[[], None] = lambda: None,
        gone: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._work = work
        self._places = [_Place(number) for number in range(count)]
        self._ready, self._gone = ready, gone
        self._news, self._tell = os.pipe()
        self._requests = 0
        self._pid = os.getpid()

    def run(self) -> None:
        """Work until all processes have ended."""
        os.set_blocking(self._news, False)
        os.set_blocking(self._tell, False)
        before = {number: signal.signal(number, self._ask) for number in _STOP}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        # The handlers alone would not wake a select that begins just when a signal comes.
        signal.set_wakeup_fd(self._tell, warn_on_full_buffer=False)
        # What lives now is never collected, so that the processes go on sharing it.
        gc.collect()
        gc.freeze()
        try:
            self._keep()
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _keep(self) -> None:
        ended: list[int] = []
        while not self._requests or any(place.pid for place in self._places):
            pause = self._fill()
            for pid in ended:
                self._gone(pid)
            select.select([self._news], [], [], pause)
            self._read()
            ended = self._collect()
        for pid in ended:
            self._gone(pid)

    def _fill(self) -> float:
        """Fork for each place that is vacant and due; return the seconds until the next one is."""
        pause = 3600.0
        for place in self._places:
            if not place.pid and not self._requests:
                left = place.not_before - time.monotonic()
                if left <= 0:
                    self._fork(place)
                else:
                    pause = min(pause, left)
        return pause

    def _ask(self, number: int, _: object) -> None:
        self._requests += 2 if number == signal.SIGQUIT else 1
        self._pass_on()

    def _pass_on(self) -> None:
        number = signal.SIGTERM if self._requests == 1 else signal.SIGKILL
        for place in self._places:
            if place.pid:
                os.kill(place.pid, number)

    def _read(self) -> None:
        try:
            news = os.read(self._news, 4096)
        except BlockingIOError:
            return
        for byte in news:
            if byte >= _FIRST_PLACE:  # the others are signals
                place = self._places[byte - _FIRST_PLACE]
                place.was_ready, place.pause = True, 0.0
        if all(place.was_ready for place in self._places):
            ready, self._ready = self._ready, lambda: None
            ready()

    def _fork(self, place: _Place) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        # Blocked, so that the process loses no request, nor hears it with its parent's handler.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
        try:
            pid = os.fork()
            if pid == 0:
                self._be(place)
            place.pid, place.was_ready = pid, False
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)

    def _be(self, place: _Place) -> None:
        code = os.EX_SOFTWARE
        try:
            signal.set_wakeup_fd(-1)
            for number in (*_STOP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)
            _end_with(self._pid)
            word = bytes([_FIRST_PLACE + place.number])
            code = self._work(place.number, partial(os.write, self._tell, word))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _collect(self) -> list[int]:
        """Note which processes have ended; return those that may have left a task behind."""
        failed: list[int] = []
        for place in self._places:
            pid = place.pid
            if pid and (code := self._reap(place)) is not None:
                self._note(place, pid, code)
                if code:
                    failed.append(pid)
        return failed

    def _reap(self, place: _Place) -> int | None:
        # Blocked, so that a request to stop is not passed on to a process that has been collected.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
        try:
            code = _exit_code(place.pid)
            if code is not None:
                place.pid = 0
            return code
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)

    def _note(self, place: _Place, pid: int, code: int) -> None:
        if self._requests:
            return
        if not place.was_ready:
            place.pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, place.pause * 2))
        place.not_before = time.monotonic() + place.pause
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        logger.warning("Process %s %s and is replaced.", pid, how)


def _exit_code(pid: int) -> int | None:
    """Return the exit code of a child, less than 0 for a signal; None while it lives."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _end_with(parent: int) -> None:
    """Have this process killed when its parent is; where the system has no such thing, nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(os.EX_OK)
