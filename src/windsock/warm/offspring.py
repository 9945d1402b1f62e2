"""What descends from a process: adopted when its parent ends, and ended with the step that began it.

A process that leaves its group (``setsid``, or forking twice to become a daemon) escapes what is sent to the
group, but not its ancestors. On Linux each step's child adopts the orphans below it while it lives, and the
warm process adopts what a child leaves behind: so a child of the warm process that is no step's has lost its
step. Elsewhere there is no such adoption, and only the process group of a step is ended.
"""

import contextlib
import os
import signal
from collections.abc import Container
from pathlib import Path

from windsock.warm.process import prctl

_PR_SET_CHILD_SUBREAPER = 36  # Source: <linux/prctl.h>


def adopt_orphans() -> bool:
    """Have every orphan below this process become its child; False where the system has no such thing."""
    return prctl(_PR_SET_CHILD_SUBREAPER, 1)


def children() -> list[int]:
    """Return the process ids of this process's children, ended ones too, on Linux; elsewhere none."""
    try:
        texts = [
            Path(f"/proc/self/task/{thread}/children").read_text() for thread in _numbers("/proc/self/task")
        ]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        return [pid for pid in _numbers("/proc") if _parent(pid) == os.getpid()]
    return [int(pid) for text in texts for pid in text.split()]


def end_strays(spared: Container[int]) -> None:
    """Kill and reap this process's children except ``spared``.

    What descends from them becomes this process's in turn, and SIGCHLD tells of it: call this then once more.
    No other descendant is signalled directly, for only an own child keeps its id until it is reaped.
    """
    for pid in children():
        if pid not in spared:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def end_all() -> None:
    """Kill whatever descends from this process, and wait until nothing does; only on Linux."""
    while left := children():
        end_strays(())
        with contextlib.suppress(ChildProcessError):
            os.waitpid(left[0], 0)


def _numbers(folder: str) -> list[int]:
    with contextlib.suppress(FileNotFoundError):
        return [int(name) for name in os.listdir(folder) if name.isdecimal()]
    return []


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
