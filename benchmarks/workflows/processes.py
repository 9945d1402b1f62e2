"""Processor time of families of processes, with that of their children that have ended."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor seconds of one family."""

    own: float = 0.0  #: the first process itself
    children: float = 0.0  #: its descendants, living and ended

    @property
    def total(self) -> float:
        return self.own + self.children

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(self.own - other.own, self.children - other.children)


@dataclass(frozen=True, slots=True)
class _Process:
    parent: int
    own: float
    ended: float  #: of children that ended and were waited for, and of theirs


def spent(firsts: Mapping[str, int]) -> dict[str, Spent]:
    """Return what each family has used since it began.

    A process belongs to the nearest first process above it. What ended counts where it was waited for: at its
    parent, or at the supervisor, which takes up orphans.

    Args:
        firsts: name of the family -> its first process.
    """
    processes = _processes()
    children: dict[int, list[int]] = defaultdict(list)
    for pid, process in processes.items():
        children[process.parent].append(pid)
    others = set(firsts.values())
    found = {}
    for name, first in firsts.items():
        if first not in processes:
            found[name] = Spent()
            continue
        below = sum(
            processes[pid].own + processes[pid].ended for pid in _below(first, children, others - {first})
        )
        found[name] = Spent(processes[first].own, processes[first].ended + below)
    return found


def between(before: Mapping[str, Spent], after: Mapping[str, Spent]) -> dict[str, Spent]:
    """Return what was used between two looks."""
    return {name: after[name] - before.get(name, Spent()) for name in after}


def total(families: Iterable[Spent]) -> float:
    return sum(each.total for each in families)


def _below(first: int, children: Mapping[int, list[int]], others: set[int]) -> list[int]:
    found, todo = [], [first]
    while todo:
        below = [pid for pid in children.get(todo.pop(), ()) if pid not in others]
        found += below
        todo += below
    return found


def _processes() -> dict[int, _Process]:
    found = {}
    for folder in os.scandir("/proc"):
        if not folder.name.isdigit():
            continue
        try:
            text = (Path(folder.path) / "stat").read_text()
        except OSError:  # it has ended meanwhile
            continue
        # The name before it may hold spaces. Source: proc_pid_stat(5), fields 4 and 14 to 17.
        words = text.rpartition(")")[2].split()
        times = [int(word) / TICKS for word in words[11:15]]
        found[int(folder.name)] = _Process(int(words[1]), sum(times[:2]), sum(times[2:]))
    return found
