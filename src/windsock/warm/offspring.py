"""What descends from a process: found, and ended to the last.

A process that leaves its group (``setsid``, or forking twice to become a daemon) escapes what is sent to the
group, but not its ancestors. On Linux each step's child adopts the orphans below it while it lives, and the
warm process adopts what a child leaves behind: so a child of the warm process that is no step's has lost its
step. Elsewhere there is no such adoption, and only the process group of a step is ended.

This file is also what the guard above the warm process runs, in a bare Python of a few megabytes; so it
imports little, and nothing but the standard library.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Container


def children() -> list[int]:
    """Return the process ids of this process's children, ended ones too, on Linux; elsewhere none."""
    try:
        texts = [_read(f"/proc/self/task/{thread}/children") for thread in _numbers("/proc/self/task")]
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


def outlive(child: int) -> None:
    """Wait for the end of ``child``, then end all that it leaves to this process; say so if it was killed."""
    ended = status = 0
    while ended != child:
        ended, status = os.waitpid(-1, 0)
    end_all()
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        print(f"windsock.warm[{child}]: killed by {name}", file=sys.stderr, flush=True)


def _numbers(folder: str) -> list[int]:
    with contextlib.suppress(FileNotFoundError):
        return [int(name) for name in os.listdir(folder) if name.isdecimal()]
    return []


def _parent(pid: int) -> int:
    try:
        return int(_read(f"/proc/{pid}/stat").rpartition(") ")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()


if __name__ == "__main__":
    outlive(int(sys.argv[1]))
