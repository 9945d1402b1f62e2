"""The child that is forked for one call."""

import contextlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NoReturn

from windsock.call import Outcome, describe, execute
from windsock.errors import WireError
from windsock.warm import frames
from windsock.warm.logs import send_logs_to
from windsock.warm.process import adopt_orphans, die_with
from windsock.warm.spare import Source

Around = Callable[[], AbstractContextManager[object]]


def run(parent: int, source: Source, around: Around, forget: Callable[[], None]) -> NoReturn:
    """Become the child: read one Call, write one Outcome, end.

    Args:
        parent: process id of the warm process.
        source: gives standard output, standard error, log channel, call channel.
        around: gives the context manager that is entered around the call.
        forget: closes what only the parent may hold.
    """
    status = 70  # Source: <sysexits.h>, EX_SOFTWARE: only a fault in this function leaves it so.
    try:
        _stand_alone(parent)
        forget()
        # Whatever can be done is done before somebody waits for it.
        logs = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        send_logs_to(logs)
        descriptors = source()
        status = _serve(_take_over(descriptors, logs), around) if descriptors else 0
    except BaseException:
        traceback.print_exc()
    finally:
        _flush()
        os._exit(status)


def _stand_alone(parent: int) -> None:
    os.setpgid(0, 0)
    die_with(parent)
    adopt_orphans()
    signal.set_wakeup_fd(-1)
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(sig, signal.SIG_DFL)


def _take_over(descriptors: list[int], logs: int) -> socket.socket:
    """Put the caller's streams in place, and return the call channel."""
    for given, place in zip(descriptors, (1, 2, logs), strict=False):
        os.dup2(given, place, inheritable=place != logs)
        os.close(given)
    os.set_inheritable(descriptors[3], False)
    return socket.socket(fileno=descriptors[3])


def _serve(channel: socket.socket, around: Around) -> int:
    frame = frames.receive(channel)
    if frame is None:
        return 0
    told = False
    try:
        call = frames.read_call(frame)
        with around():
            outcome = execute(call)
            # What is left to do here nobody waits for.
            _tell(channel, outcome)
            told = True
    except SystemExit as leaving:
        return _exit_status(leaving)
    except BaseException as error:
        if told:
            raise
        _tell(channel, Outcome(failure=describe(error)))
    return 0


def _tell(channel: socket.socket, outcome: Outcome) -> None:
    """Send the outcome after all that was written before it."""
    _flush()
    channel.sendall(_frame(outcome))


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _frame(outcome: Outcome) -> bytes:
    try:
        return frames.outcome_frame(outcome)
    except (WireError, ValueError) as error:
        return frames.outcome_frame(Outcome(failure=describe(error)))


def _exit_status(leaving: SystemExit) -> int:
    if leaving.code is None or isinstance(leaving.code, int):
        return leaving.code or 0
    print(leaving.code, file=sys.stderr)
    return 1
