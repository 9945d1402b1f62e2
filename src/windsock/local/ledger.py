"""Which processes are ours: a file of numbers and start times, so that nothing is ended by its name."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from windsock.local.state import State

FILE = "processes.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One process that we started, or a descendant of one.

    Attributes:
        name: The part that it belongs to.
        pid: Its number.
        started: When it started, see `start_mark`; a number alone may belong to somebody else by now.
        stop_signal: What asks it to stop.
        stops_last: Whether others need it until they have stopped.
    """

    name: str
    pid: int
    started: str
    stop_signal: int = signal.SIGTERM
    stops_last: bool = False

    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        return start_mark(self.pid) == self.started


def start_mark(pid: int) -> str | None:
    """A text that no other process with this number has; None if there is none, or only a zombie."""
    with contextlib.suppress(psutil.Error, OSError, IndexError):
        if sys.platform == "linux":
            # The clock ticks since boot do not move when somebody sets the clock.
            text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
            fields = text[text.rindex(")") + 2 :].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    return None


def entry(
    name: str, pid: int, stop_signal: int = signal.SIGTERM, *, stops_last: bool = False
) -> Entry | None:
    """The entry of a running process."""
    mark = start_mark(pid)
    if mark is None:
        return None
    return Entry(name=name, pid=pid, started=mark, stop_signal=int(stop_signal), stops_last=stops_last)


def descendants(pid: int | None = None) -> list[psutil.Process]:
    """All running descendants of the process, by default of the caller."""
    try:
        return [
            each
            for each in psutil.Process(pid or os.getpid()).children(recursive=True)
            if start_mark(each.pid) is not None
        ]
    except psutil.NoSuchProcess:
        return []


def family(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that run, and all their descendants."""
    found: dict[int, Entry] = {}
    for each in entries:
        if each.alive():
            found[each.pid] = each
            members = (entry(each.name, child.pid) for child in descendants(each.pid))
            found |= {member.pid: member for member in members if member and member.pid not in found}
    return list(found.values())


def strays(spared: Iterable[Entry]) -> list[Entry]:
    """The caller's descendants, orphans that it inherited among them, except the spared ones' families."""
    # Listed before the families, so that what a spared one starts meanwhile is not taken for a stray.
    all_of_them = descendants()
    kept = {each.pid for each in family(spared)}
    members = (entry("stray", each.pid) for each in all_of_them if each.pid not in kept)
    return [each for each in members if each]


def write(state: State, entries: Iterable[Entry]) -> None:
    """Replaces the ledger."""
    state.write(FILE, {"processes": [asdict(each) for each in entries]})


def read(state: State) -> list[Entry]:
    """The ledger's entries that still run."""
    entries = (Entry(**each) for each in state.read(FILE).get("processes", []))
    return [each for each in entries if each.alive()]
