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

Around = Callable[[], AbstractContextManager[object]]


def run(parent: int, descriptors: list[int], around: Around, forget: Callable[[], None]) -> NoReturn:
    """Become the child: read one Call, write one Outcome, end.

    Args:
        parent: process id of the warm process.
        descriptors: standard output, standard error, log channel, call channel.
        around: gives the context manager that is entered around the call.
        forget: closes what only the parent may hold.
    """
    status = 70  # Source: <sysexits.h>, EX_SOFTWARE: only a fault in this function leaves it so.
    try:
        _stand_alone(parent, descriptors)
        forget()
        send_logs_to(descriptors[2])
        status = _serve(socket.socket(fileno=descriptors[3]), around)
    except BaseException:
        traceback.print_exc()
    finally:
        _flush()
        os._exit(status)


def _stand_alone(parent: int, descriptors: list[int]) -> None:
    os.setpgid(0, 0)
    die_with(parent)
    adopt_orphans()
    signal.set_wakeup_fd(-1)
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(sig, signal.SIG_DFL)
    os.dup2(descriptors[0], 1)
    os.dup2(descriptors[1], 2)
    os.close(descriptors[0])
    os.close(descriptors[1])
    os.set_inheritable(descriptors[2], False)
    os.set_inheritable(descriptors[3], False)


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
