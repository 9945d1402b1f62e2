"""A small process above the warm process: whichever of the two is killed, nothing of a step is left."""

import os
import signal
import sys

from windsock.warm import offspring
from windsock.warm.process import adopt_orphans, die_with


def stand_guard() -> None:
    """Go on in a child; the process that was there waits for its end, then ends all that descends from it.

    If the guard itself is killed, the child is told to end. There is no guard where the system lets nobody
    adopt orphans. What the guard held open goes to the child alone, but for the standard streams.
    """
    if not adopt_orphans():
        return
    guard = os.getpid()
    warm = os.fork()
    if warm == 0:
        os.setsid()
        die_with(guard, signal.SIGTERM)
        return
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which is meant for the child
    # A bare Python takes 3 MB, and this one would keep 10 MB for as long as the warm process lives.
    os.execv(sys.executable, [sys.executable, "-I", "-S", offspring.__file__, str(warm)])  # noqa: S606
