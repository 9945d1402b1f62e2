"""Ending processes in order: applications first and together, then broker and database; nothing is left."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence

from windsock.local import ledger
from windsock.local.ledger import Entry
from windsock.local.process import reap

# Seconds. Airflow's scheduler would wait for its running tasks, its triggerer takes up to 11 s.
GRACE = 4.0
STORAGE_GRACE = 5.0
_STEP = 0.05


def stop(parts: Sequence[Entry], *, grace: float = GRACE, forced: Callable[[], bool] = lambda: False) -> None:
    """Stops the parts and everything that came from them or from this process.

    Args:
        parts: The parts' first processes.
        grace: How long, in seconds, applications may take before they are killed.
        forced: Asked all the time; True ends the waiting.
    """
    storage = [each for each in parts if each.stops_last]
    applications = [each for each in parts if not each.stops_last]
    family = ledger.family(applications)
    _ask(applications)
    _wait(lambda: _alive(family) or ledger.strays(storage), grace, forced)
    _kill(lambda: [*_alive([*family, *ledger.family(applications)]), *ledger.strays(storage)])
    _ask(storage)
    family = ledger.family(storage)
    _wait(lambda: _alive(family), STORAGE_GRACE, forced)
    _kill(lambda: [*_alive(family), *ledger.strays([])])


def _ask(entries: Iterable[Entry]) -> None:
    for each in entries:
        _signal(each, each.stop_signal)


def _alive(entries: Iterable[Entry]) -> list[Entry]:
    return [each for each in entries if each.alive()]


def _signal(target: Entry, number: int) -> None:
    if target.alive():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(target.pid, number)


def _wait(remaining: Callable[[], list[Entry]], seconds: float, forced: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not forced():
        reap()
        if not remaining():
            return
        time.sleep(_STEP)


def _kill(remaining: Callable[[], list[Entry]]) -> None:
    """Kills until nobody is left: a process may have started another one meanwhile."""
    deadline = time.monotonic() + 5
    while (targets := remaining()) and time.monotonic() < deadline:
        for each in targets:
            _signal(each, signal.SIGKILL)
        reap()
        time.sleep(_STEP)


def leftovers(entries: Sequence[Entry], *, grace: float = GRACE) -> int:
    """Ends what an earlier run left behind, matched by number and start time; returns how many there were."""
    if entries:
        stop(entries, grace=grace)
    return len(entries)


def wait_gone(pids: Sequence[Entry], seconds: float) -> bool:
    """Whether all of them have ended within that many seconds."""
    deadline = time.monotonic() + seconds
    while any(each.alive() for each in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(_STEP)
    return True
