"""Becomes another program, after giving up root and asking for a signal when the parent dies.

Run as ``python -I -S shim.py <death signal> <parent pid> <uid> <gid> <program> [argument ...]``; a uid of -1
keeps the account. It stands alone and imports no Windsock: every part of the stack starts through it. The
parent-death signal is a Linux feature and is cleared by a change of account, hence the order. On macOS the
parts are found again through the ledger instead (not run there).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Never returns: the process becomes the program, or ends."""
    death_signal, parent, uid, gid = map(int, arguments[:4])
    program = arguments[4:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
    # The parent may have died before the request was made.
    if os.getppid() != parent:
        sys.exit(1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(program[0], program)  # noqa: S606
    except OSError as error:
        sys.exit(f"windsock: cannot run {program[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
