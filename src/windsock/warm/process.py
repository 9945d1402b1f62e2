"""What Windsock needs to know about processes: how they end, and how that end is put in words."""

import contextlib
import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # Source: <linux/prctl.h>
# Loaded once, so that a freshly forked child pays nothing for it.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; only Linux can do that.

    Args:
        parent: process id of the parent. If it is gone already, this process ends at once.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)


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
