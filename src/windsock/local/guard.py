"""The outer process of `windsock up`: forks the supervisor, passes signals on, sweeps when that has ended.

The two hold each other. When the supervisor is killed, everything below it becomes the guard's child and is
ended in order. When the guard is killed, the supervisor gets SIGTERM and stops as always. The supervisor
leads its own session, so that a signal to the terminal's foreground group reaches the guard alone, and once.

Without a subreaper and a parent-death signal (macOS, where this was not run) the supervisor sees at its next
look that the guard has ended, and what escapes is ended by the sweep at the next `windsock up`.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from types import FrameType

from windsock.local import addresses, ledger, linux, process, status, stopping
from windsock.local.ledger import Entry
from windsock.local.state import State
from windsock.local.status import Phase

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds that applications get when their supervisor was killed.
_SWEEP_GRACE = 2.0


def guarded(supervise: Callable[[tuple[Entry, ...]], int], state: State) -> int:
    """Runs the supervisor in a child and leaves no process behind it.

    Args:
        supervise: The supervisor's work; given the entries of guard and supervisor, it returns a code.
        state: The state folder with the ledger.

    Returns:
        The supervisor's exit code, or 1 if it was killed.
    """
    linux.become_subreaper()
    sys.stdout.flush()
    sys.stderr.flush()
    guard = os.getpid()
    # Blocked, so that a signal is not lost between the fork and the handlers.
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    child = os.fork()
    if child == 0:
        os._exit(_supervisor(supervise, guard))

    def pass_on(number: int, frame: FrameType | None) -> None:
        os.kill(child, number)

    for number in PASSED_ON:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    code = _wait(child)
    # What the supervisor did not collect is ours now; init may be slow to collect it from us.
    process.reap()
    _sweep(state)
    process.reap()
    return code


def _supervisor(supervise: Callable[[tuple[Entry, ...]], int], guard: int) -> int:
    try:
        os.setsid()
        linux.signal_when_parent_dies(signal.SIGTERM)
        linux.become_subreaper()
        for number in PASSED_ON:
            signal.signal(number, lambda *_: os._exit(0))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        if os.getppid() != guard:
            return 1
        entries = (ledger.entry("guard", guard), ledger.entry("supervisor", os.getpid()))
        return supervise(tuple(each for each in entries if each))
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _wait(child: int) -> int:
    while True:
        pid, result = os.waitpid(-1, 0)
        if pid == child:
            return os.waitstatus_to_exitcode(result) if os.WIFEXITED(result) else 1


def _sweep(state: State) -> None:
    parts = ledger.read(state)
    storage = [each for each in parts if each.stops_last]
    known = {each.pid for each in parts}
    rest = [each for each in ledger.strays(storage) if each.pid not in known]
    if parts or rest:
        stopping.stop([*parts, *rest], grace=_SWEEP_GRACE)
        ledger.write(state, [])
    addresses.release(state)
    now = status.read(state)
    if now.state not in (Phase.STOPPED, Phase.FAILED):
        status.write(state, replace(now, state=Phase.STOPPED, parts={}, steps={}))
