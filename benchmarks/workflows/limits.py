"""An end for what might never come."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn, TypeVar

T = TypeVar("T")


class TooLong(Exception):
    """A stage took longer than it may."""


@contextlib.contextmanager
def limit(seconds: float) -> Iterator[None]:
    """End the block with ``TooLong`` after a while, also when it waits for something; only one at a time."""

    def over(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise TooLong(f"not done within {seconds:.0f} s")

    previous = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def wait_for(condition: Callable[[], T], seconds: float, every: float = 0.05) -> T | None:
    """Ask until the answer is truthy and return it; None when the time is over."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            return None
        time.sleep(every)
    return answer
