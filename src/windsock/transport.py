"""Transports carry a Call to the interpreter where its function lives, and bring the Outcome back.

Whatever the function does, and however its process ends, is an Outcome. Only what keeps the call from being
carried at all is raised.
"""

import contextlib
import json
import logging
import os
import selectors
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from windsock.call import Call, Failure, Outcome, execute
from windsock.environment import Environment
from windsock.errors import Lost, SetUpFailed, TimedOut, TransportError, WireError
from windsock.warm.client import Session, WarmProcess
from windsock.warm.process import describe_exit, kill_group
from windsock.wire import PROTOCOL, canonical, check_protocol, from_json, to_json


class Transport(Protocol):
    """Carries a call to the interpreter where the function lives."""

    def send(self, call: Call, *, timeout: timedelta | None = None) -> Outcome:
        """Run ``call`` and wait for what it comes to.

        Args:
            call: what to run.
            timeout: after it everything that the call started is killed, > 0; ``None`` for no limit.

        Raises:
            TransportError: the call could not be carried.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Inline:
    """Runs the call in this process and thread."""

    def send(self, call: Call, *, timeout: timedelta | None = None) -> Outcome:
        """Run ``call`` here.

        Raises:
            TransportError: a time limit was asked for, which this process cannot hold against itself.
        """
        if timeout is not None:
            raise TransportError("a time limit needs a process of its own: use Subprocess or Warm")
        return execute(call)


@dataclass(frozen=True, kw_only=True, slots=True)
class Subprocess:
    """Runs each call in a fresh process of the project's interpreter, which prints where this one does."""

    environment: Environment
    setup: str = ""  #: "module:function" that is called before; empty for none
    directory: Path | None = None  #: working directory; None: this process's
    variables: Mapping[str, str] | None = None  #: environment variables, complete; None: this process's

    def send(self, call: Call, *, timeout: timedelta | None = None) -> Outcome:
        """Run ``call`` in a process of its own group, of which nothing is left afterwards.

        Raises:
            EnvironmentNotFound: there is no such interpreter.
            TransportError: the process cannot be started.
        """
        python = self.environment.python()
        with tempfile.TemporaryDirectory(prefix="windsock-") as folder:
            answer = Path(folder, "outcome.json")
            command = [os.fspath(python), "-m", "windsock", "--outcome", os.fspath(answer)]
            command += ["--parent", str(os.getpid())]
            if self.setup:
                command += ["--setup", self.setup]
            message = canonical({"protocol": PROTOCOL, "call": to_json(call)})
            status = self._run(command, message, timeout)
            if status is None:
                return timed_out(timeout)
            return _read(answer) or lost(f"{describe_exit(status)}; is windsock installed in {python}?")

    def _run(self, command: list[str], message: bytes, timeout: timedelta | None) -> int | None:
        try:
            process = subprocess.Popen(  # noqa: S603 - the command is the deployment's own
                command,
                stdin=subprocess.PIPE,
                cwd=self.directory,
                env=None if self.variables is None else dict(self.variables),
                start_new_session=True,
            )
        except OSError as error:
            raise TransportError(f"{command[0]} cannot be started: {error}") from error
        try:
            process.communicate(message, None if timeout is None else timeout.total_seconds())
        except subprocess.TimeoutExpired:
            return None
        finally:
            kill_group(process.pid)
            process.wait()
        return process.returncode


@dataclass(frozen=True, kw_only=True, slots=True)
class Warm:
    """Runs each call in a child of the project's warm process; its log records are logged here."""

    process: WarmProcess

    def send(self, call: Call, *, timeout: timedelta | None = None) -> Outcome:
        """Run ``call`` in a child of its own group, of which nothing is left afterwards.

        Raises:
            TransportError: the warm process cannot be reached.
        """
        reader, writer = socket.socketpair()
        with reader, contextlib.ExitStack() as stack:
            try:
                with writer:
                    session = self.process.open(1, 2, writer.fileno())
            except SetUpFailed as error:
                return Outcome(failure=error.failure)
            stack.callback(session.close)
            session.send(call)
            if not _wait(session, reader, timeout):
                session.signal(signal.SIGKILL)
                _wait(session, reader, None)
                return timed_out(timeout)
        return session.outcome or lost(describe_end(session))


def describe_end(session: Session) -> str:
    """Put the end of a child that gave no outcome in words."""
    if session.abandoned:
        return "the warm process went away"
    return describe_exit(session.exit or 0)


def lost(reason: str) -> Outcome:
    """Return the outcome of a call whose process ended without giving one."""
    return Outcome(failure=_failure(Lost, f"The process gave no outcome: {reason}"))


def timed_out(limit: timedelta | None) -> Outcome:
    """Return the outcome of a call that was killed at its time limit."""
    seconds = limit.total_seconds() if limit else 0
    return Outcome(failure=_failure(TimedOut, f"The time limit of {seconds:g} s was reached"))


def _failure(kind: type[Exception], message: str) -> Failure:
    return Failure(exception=f"{kind.__module__}.{kind.__qualname__}", message=message)


def _read(path: Path) -> Outcome | None:
    try:
        document = json.loads(path.read_bytes())
        check_protocol(document)
        return from_json(Outcome, document["outcome"])
    except (OSError, ValueError, KeyError, WireError):
        return None


def _wait(session: Session, logs: socket.socket, timeout: timedelta | None) -> bool:
    """Serve the session until its exit is known and its logs are read; False if the limit came first."""
    deadline = None if timeout is None else time.monotonic() + timeout.total_seconds()
    lines = _LogLines()
    with selectors.DefaultSelector() as selector:
        selector.register(session.connection, selectors.EVENT_READ, session.read_exit)
        selector.register(session.channel, selectors.EVENT_READ, session.read_outcome)
        selector.register(logs, selectors.EVENT_READ, lambda: lines.feed(logs.recv(2**16)))
        while session.exit is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            for key, _ in selector.select(left):
                if not key.data():
                    selector.unregister(key.fileobj)
    logs.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while lines.feed(logs.recv(2**16)):
            pass
    return True


class _LogLines:
    """Logs here what a child's JSON lines say."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> bool:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            entry: dict[str, Any] = json.loads(line)
            level = logging.getLevelNamesMapping().get(entry["level"].upper(), logging.INFO)
            logging.getLogger(entry["logger"]).log(level, "%s", entry["event"])
        return bool(data)
