"""What a project's interpreter runs first: it borrows Windsock where it has none, and leaves no process.

The process forks before anything else is imported. Its first half, the guard, stays as it is and waits; the
second, the worker, leads a group of its own and runs the call. When the worker has ended, the guard kills
what that left, also what went into a session of its own (on Linux), and ends as the worker did.

- SIGTERM, also sent by the kernel when the caller is gone: SIGTERM to the worker's group, the grace, SIGKILL.
- SIGQUIT: SIGKILL at once.

The text of this file is run by ``python -c``, because a script's own folder would come first on ``sys.path``,
and by whatever Python a project has: the standard library alone, and no syntax younger than Python 3.6.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable

#: How long the guard tries to kill what is left, seconds.
SWEEP_LIMIT = 5.0
_WATCHED = (signal.SIGCHLD, signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_AT_ONCE = (signal.SIGALRM, signal.SIGQUIT)
_OLDEST = (3, 11)
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # Source: <linux/prctl.h>


def main(script: str, parent: str, answer: str, grace: str, setup: str) -> None:
    """Run one call; never returns.

    Args:
        script: path of this file.
        parent: process id of the caller.
        answer: number of the descriptor of the file that gets the outcome.
        grace: seconds between SIGTERM and SIGKILL.
        setup: "module:function" that is called before; empty for none.
    """
    fork_under_guard(int(parent), float(grace))
    os.set_inheritable(int(answer), False)
    os.write(int(answer), b" ")  # a sign that a Python is here
    if sys.version_info < _OLDEST:
        _refuse(int(answer))
    # As ``python -m`` has it: the working directory now, not the one at the time of each import.
    sys.path[:] = [path or os.getcwd() for path in sys.path]
    lend(os.path.dirname(os.path.dirname(os.path.abspath(script))))
    sys.argv[:] = ["windsock", "--outcome", "/dev/fd/" + answer] + (["--setup", setup] if setup else [])
    _leave(_call(), float(grace))


def lend(folder: str) -> None:
    """Make the package ``windsock`` in ``folder``, and nothing beside it, importable where there is none."""
    import importlib.util

    found = importlib.util.find_spec("windsock")
    if found is not None and found.origin is not None:
        return
    spec = importlib.util.spec_from_file_location(
        "windsock", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    sys.modules["windsock"] = module
    spec.loader.exec_module(module)  # type: ignore[union-attr]


def fork_under_guard(parent: int, grace: float) -> None:
    """Go on in a child that leads its own group; this process becomes its guard and never returns."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent and not _exists(parent):
        os._exit(128 + signal.SIGTERM)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    guard, worker = os.getpid(), os.fork()
    if worker:
        _guard(worker, grace)
    os.setpgid(0, 0)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard:
        os._exit(128 + signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _guard(worker: int, grace: float) -> None:
    try:
        # Done on both sides, so that there is a group to kill from the first moment on.
        _ignoring_absence(os.setpgid, worker, worker)
        # Where nothing handles it, a system may discard it even while it is waited for.
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        _mirror(_sweep(worker, _watch(worker, grace)))
    finally:
        os._exit(70)  # Source: <sysexits.h>, EX_SOFTWARE: only a fault in this function leads here


def _watch(worker: int, grace: float) -> "int | None":
    """Wait until the worker has ended or is to be killed; return its status, or None."""
    status, stopping = None, False
    while True:
        number = signal.sigwait(_WATCHED)
        if number in _AT_ONCE:
            return status
        if number == signal.SIGCHLD:
            ended, alone = _reap(worker)
            status = status if ended is None else ended
            if status is not None and (alone or not stopping):
                return status
        elif not stopping:
            stopping = True
            _ignoring_absence(os.killpg, worker, signal.SIGTERM)
            signal.setitimer(signal.ITIMER_REAL, max(grace, 0.001))


def _reap(worker: int) -> "tuple[int | None, bool]":
    """Take note of whoever ended: the worker's status, if it did, and whether no child is left."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found, True
        if pid == worker:
            found = status
        if pid == 0:
            return found, False


def _sweep(worker: int, status: "int | None") -> int:
    """Kill what is left: it becomes this process's child when its parent ends, whatever its group is."""
    _ignoring_absence(os.killpg, worker, signal.SIGKILL)
    deadline = time.monotonic() + SWEEP_LIMIT
    while time.monotonic() < deadline:
        ended, alone = _reap(worker)
        status = status if ended is None else ended
        if alone:
            break
        for pid in _children():
            _ignoring_absence(os.kill, pid, signal.SIGKILL)
        time.sleep(0.001)
    return signal.SIGKILL if status is None else status


def _children() -> "list[int]":
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        try:
            with open("/proc/" + name + "/stat", "rb") as file:
                parent = int(file.read().rpartition(b") ")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        if parent == os.getpid():
            found.append(int(name))
    return found


def _mirror(status: int) -> None:
    """End as the worker did."""
    if os.WIFSIGNALED(status):
        import resource

        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the worker has left its own core file, if any
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def _ignoring_absence(act: "Callable[[int, int], None]", target: int, argument: int) -> None:
    """Do something to a process or group that may be gone, or be another user's by now."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        act(target, argument)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _prctl(option: int, value: int) -> None:
    """Ask the Linux kernel; other systems have nothing alike."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _refuse(answer: int) -> None:
    import json

    (major, minor), found = _OLDEST, sys.version_info
    text = f"Windsock needs Python {major}.{minor} or newer in the project's environment: "
    text += f"{sys.executable} is Python {found[0]}.{found[1]}"
    failure = {"exception": "windsock.errors.TransportError", "message": text, "retry": False}
    os.write(answer, json.dumps({"protocol": 1, "outcome": {"failure": failure}}).encode())
    os._exit(0)


def _call() -> int:
    """Run ``python -m windsock`` in this process, and return its exit status."""
    import faulthandler
    import runpy
    import traceback

    try:
        faulthandler.enable(2)  # a crash shows where it was
        runpy.run_module("windsock", run_name="__main__")
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        print(leaving.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    return 1


def _leave(status: int, grace: float) -> None:
    """End this process; of what the function left, only what ``atexit`` knows gets a moment."""
    import atexit
    import threading

    threads = [each for each in threading.enumerate() if each is not threading.main_thread()]
    left = ", ".join(each.name for each in threads if not each.daemon)
    if left:
        print(f"windsock: the call left threads, which end now: {left}", file=sys.stderr)
    closing = threading.Thread(target=atexit._run_exitfuncs, daemon=True)
    closing.start()
    closing.join(grace)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(status & 0xFF)


if __name__ == "__main__":
    main(*sys.argv[1:])
