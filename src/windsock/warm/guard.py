"""A small process above the warm process: whichever of the two is killed, nothing of a step is left."""

import os
import signal
import sys

from windsock.warm.door import Door
from windsock.warm.offspring import adopt_orphans, end_all
from windsock.warm.process import describe_exit, die_with


def stand_guard(door: Door) -> None:
    """Go on in a child; the process that was there waits for its end, then ends all that descends from it.

    If the guard itself is killed, the child is told to end. There is no guard where the system lets nobody
    adopt orphans.

    Args:
        door: goes to the child alone.
    """
    if not adopt_orphans():
        return
    guard = os.getpid()
    warm = os.fork()
    if warm == 0:
        os.setsid()
        die_with(guard, signal.SIGTERM)
        return
    status = 70  # Source: <sysexits.h>, EX_SOFTWARE: only a fault in this function leaves it so.
    try:
        door.close()
        status = _outlive(warm)
    finally:
        os._exit(status)


def _outlive(warm: int) -> int:
    ended = status = 0
    while ended != warm:
        ended, status = os.waitpid(-1, 0)
    end_all()
    status = os.waitstatus_to_exitcode(status)
    if status < 0:
        print(f"windsock.warm[{warm}]: {describe_exit(status)}", file=sys.stderr, flush=True)
    return 128 - status if status < 0 else status
