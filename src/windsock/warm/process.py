"""What Windsock needs to know about processes: how they end, and how that end is put in words."""

import contextlib
import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # Source: <linux/prctl.h>
# Loaded once, so that a freshly forked child pays nothing for it.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def adopt_orphans() -> bool:
    """Have every orphan below this process become its child; False where the system has no such thing."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int, sig: int = signal.SIGKILL) -> None:
    """Have the kernel send this process ``sig`` when its parent ends; only Linux can do that.

    Args:
        parent: process id of the parent. If it is gone already, this process ends at once.
        sig: the signal.
    """
    if _prctl(_PR_SET_PDEATHSIG, sig) and os.getppid() != parent:
        os._exit(128 + sig)


def kill_group(leader: int, sig: int = signal.SIGKILL) -> None:
    """Send ``sig`` to every process in the group of ``leader``; a group that is gone is no error."""
    # macOS answers "not permitted" for a group of which only zombies are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, sig)


def describe_exit(status: int) -> str:
    """Put an exit status in words.

    Args:
        status: as ``subprocess`` gives it; negative for a signal.
    """
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def _prctl(option: int, value: int) -> bool:
    """Ask something of the Linux kernel; False where it does not do it, and on other systems."""
    return _LIBC is not None and _LIBC.prctl(option, value, 0, 0, 0) == 0
