"""Calls that run in children of a warm process."""

import contextlib
import json
import logging
import selectors
import signal
import socket
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from windsock.call import Call, Outcome
from windsock.errors import SetUpFailed
from windsock.transport.endings import describe_end, lost, timed_out
from windsock.warm.client import Session, WarmProcess


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
            if "event" not in entry:
                continue  # it is meant for whoever shows the lines, not for a log
            level = logging.getLevelNamesMapping().get(entry["level"].upper(), logging.INFO)
            logging.getLogger(entry["logger"]).log(level, "%s", entry["event"])
        return bool(data)
