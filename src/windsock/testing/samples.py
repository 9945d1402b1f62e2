"""Functions that behave in every way in which a task can: what the transport suite calls."""

import contextlib
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from windsock.errors import FailWithoutRetry, Skip

_state: list[str] = []


def echo(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return what was passed."""
    return {"args": list(args), "kwargs": kwargs}


def boom(message: str = "boom") -> NoReturn:
    """Raise a ValueError."""
    raise ValueError(message)


def fail_for_good() -> NoReturn:
    """Raise what forbids another try."""
    raise FailWithoutRetry("no use")


def skip() -> NoReturn:
    """Skip."""
    raise Skip("nothing to do")


def unjsonable() -> object:
    """Return what JSON cannot hold."""
    return object()


def large(size: int) -> str:
    """Return a text of ``size`` characters."""
    return "x" * size


def chatter() -> str:
    """Write to everything that could be mistaken for the answer, then return."""
    print('{"protocol": 1, "outcome": {"value": "forged"}}', flush=True)
    print("on standard error", file=sys.stderr, flush=True)
    os.write(1, b"\x00\x00\x00\x02{}")
    logging.getLogger("windsock.testing").warning("a record of %s", "the child")
    return "said"


def say_and_wait(path: str) -> str:
    """Write a line to standard output and to standard error, and return when there is a file ``path``."""
    print("out at once")
    print("err at once", file=sys.stderr)
    deadline = time.monotonic() + 20
    while not Path(path).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return "waited"


def fill_the_disk() -> str:
    """Let this process write no more than 100 bytes to any file from now on, return."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    return "x" * 1000


def end_in_order(path: str) -> None:
    """Wait for SIGTERM, and write the file ``path`` then, after a moment."""

    def clean_up(*_: object) -> NoReturn:
        time.sleep(0.2)
        Path(path).write_text("cleaned up")
        sys.exit(3)

    signal.signal(signal.SIGTERM, clean_up)
    Path(f"{path}.ready").touch()
    time.sleep(60)


def leave_hard(status: int) -> NoReturn:
    """End the process with no clean-up."""
    os._exit(status)


def leave(status: int) -> NoReturn:
    """End the process with clean-up."""
    sys.exit(status)


def kill_self(number: int = signal.SIGKILL) -> None:
    """Send this process a signal."""
    os.kill(os.getpid(), number)
    time.sleep(60)


def hang(pids: str, *, deaf: bool = False, apart: bool = False) -> None:
    """Start a grandchild, write both process ids to the file ``pids``, and never end.

    Args:
        pids: path of the file.
        deaf: ignore SIGTERM and SIGINT.
        apart: the grandchild is in a session of its own.
    """
    if deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    leave_grandchild(pids, apart=apart)
    while True:
        time.sleep(60)


def leave_grandchild(pids: str, *, apart: bool = False) -> str:
    """Start a grandchild that never ends, write both process ids to the file ``pids``, return.

    Args:
        pids: path of the file.
        apart: in a session of its own, of which this process knows nothing any more.
    """
    grandchild = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=apart
    )
    draft = Path(f"{pids}.draft")
    draft.write_text(f"{os.getpid()} {grandchild.pid}")
    draft.rename(pids)
    return "left"


def leave_thread() -> str:
    """Start a thread that never ends, return."""
    threading.Thread(target=time.sleep, args=(600,)).start()
    return "left"


def identity() -> dict[str, Any]:
    """Return where this runs, and what the set-up left."""
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "group": os.getpgrp(),
        "directory": os.getcwd(),
        "executable": sys.executable,
        "state": list(_state),
        "descriptors": len(os.listdir("/dev/fd")),
    }


def set_up() -> None:
    """Set up, with nothing to enter around a call."""
    _state.append("set up")


def set_up_with_hook() -> Any:
    """Set up, and enter a context manager around each call."""
    _state.append("set up")
    return _around


def leave_thread_in_set_up() -> None:
    """Set up, and leave a thread."""
    threading.Thread(target=time.sleep, args=(600,), name="left-behind", daemon=True).start()


def broken_set_up() -> NoReturn:
    """Fail to set up."""
    raise RuntimeError("the settings are broken")


@contextlib.contextmanager
def _around() -> Iterator[None]:
    _state.append("entered")
    yield
    _state.append("left")
