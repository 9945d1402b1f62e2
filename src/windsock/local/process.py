"""Starting a process as a child that ends with its parent and leads its own session."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from windsock.local import shim
from windsock.local.accounts import Account
from windsock.local.errors import CommandError

_starting = threading.Lock()
_started: set[int] = set()


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A program to run: what, where, with which variables, as whom.

    Attributes:
        argv: The program and its arguments.
        environment: All variables of the process; nothing is inherited.
        directory: The working directory.
        account: The account to change to, when the caller is root.
        stop_signal: What asks the program to stop; it is also sent when the parent dies.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    directory: Path = Path("/")
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM


def spawn(command: Command, output: IO[bytes] | int) -> "subprocess.Popen[bytes]":
    """Starts the command in a new session; stdout and stderr go to ``output``.

    Call it from a thread that outlives the child: Linux ties the parent-death signal to the creating thread.

    Args:
        command: What to run.
        output: An open file, or ``subprocess.DEVNULL``.
    """
    account = command.account
    wrapped = [
        *(sys.executable, "-I", "-S", shim.__file__),
        *(str(int(command.stop_signal)), str(os.getpid())),
        *((str(account.uid), str(account.gid)) if account else ("-1", "-1")),
        *command.argv,
    ]
    with _starting:
        process = subprocess.Popen(  # noqa: S603
            wrapped,
            env=dict(command.environment),
            cwd=command.directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _started.add(process.pid)
    return process


def reap() -> None:
    """Collects ended orphans, which a subreaper inherits; those that `spawn` started stay for their Popen."""
    with _starting, contextlib.suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid in _started:
                return
            os.waitpid(ended.si_pid, os.WNOHANG)


def run(command: Command, log: Path) -> str:
    """Runs the command to its end and returns what it wrote, which is also appended to ``log``.

    Raises:
        CommandError: It ended with another code than 0.
    """
    with log.open("ab") as output:
        start = output.tell()
        code = spawn(command, output).wait()
    with log.open("rb") as written:
        written.seek(start)
        text = written.read().decode(errors="replace")
    if code:
        last = "\n".join(text.splitlines()[-25:])
        raise CommandError(f"`{' '.join(command.argv[:4])}` ended with code {code}:\n{last}")
    return text
