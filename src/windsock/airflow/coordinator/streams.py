"""What a step's child writes, read line by line for Airflow's task log.

Airflow's own readers search a line from its beginning again with every 4 KiB that arrive, so that a hundred
megabytes without a line break would keep a processor busy for minutes.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from socket import MSG_DONTWAIT, socket
from typing import Any

import msgspec
from airflow.sdk._shared.logging.structlog import reconfigure_logger
from airflow.sdk._shared.secrets_masker import mask_secret
from airflow.sdk.execution_time.supervisor import forward_to_log, process_log_messages_from_subprocess
from structlog.processors import CallsiteParameterAdder

from windsock.tail import Tail

LINE_LIMIT = 64 * 1024  #: bytes of a line of plain output; a longer one is broken
#: Lines of a stream that become entries of the log by themselves; of more, those that come together are one,
#: since an entry takes Airflow 40 microseconds.
SINGLE_LINES = 10_000
_CHUNK = 64 * 1024
_FLOOD_PAUSE = 0.001  # seconds; without it each line wakes this process by itself

Reader = Callable[[socket], bool]  #: reads what is there; False at the end


class Lines:
    """Puts lines together from whatever pieces a socket gives."""

    def __init__(self, limit: int | None = None) -> None:
        """Take the number of bytes at which a line is broken; None: at any."""
        self._limit = limit
        self._begun: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take in ``data`` and yield the lines that are complete, without their ends."""
        *whole, rest = data.split(b"\n")
        for line in whole:
            yield self.rest() + line
        if rest:
            self._begun.append(rest)
            self._size += len(rest)
        if self._limit and self._size >= self._limit:
            yield self.rest()

    def rest(self) -> bytes:
        """Return what was begun and has no end."""
        if not self._begun:
            return b""
        line, self._begun, self._size = b"".join(self._begun), [], 0
        return line


class Streams:
    """The readers of one child's streams, and the last part of what they read."""

    def __init__(self, loggers: tuple[Any, ...], logs: socket) -> None:
        """Take the loggers that show the lines, and the log channel."""
        self.tail = Tail()
        self._loggers = loggers
        self._logs = logs
        self._log_lines = Lines()
        self._show_log = process_log_messages_from_subprocess(loggers)
        next(self._show_log)

    def read_logs(self, source: socket) -> bool:
        """Read from the log channel."""
        data = source.recv(_CHUNK)
        self._take_logs(data)
        return bool(data)

    def plain(self, name: str, level: int) -> Reader:
        """Return what reads standard output or error.

        Args:
            name: under which the lines are logged.
            level: at which they are.
        """
        # Where a line was read is not where it was written.
        loggers = tuple(reconfigure_logger(logger, CallsiteParameterAdder) for logger in self._loggers)
        show = forward_to_log(loggers, logger=name, level=level)
        next(show)
        lines, shown = Lines(LINE_LIMIT), 0

        def take(text: bytes) -> None:
            self.tail.write(text.decode(errors="replace") + "\n")
            show.send(text)

        def read(source: socket) -> bool:
            nonlocal shown
            if shown > SINGLE_LINES:
                time.sleep(_FLOOD_PAUSE)
            data = source.recv(_CHUNK)
            # What the child wants to have masked it has said before it wrote this.
            with suppress(OSError):  # nothing is there, or its end was read
                self._take_logs(self._logs.recv(_CHUNK, MSG_DONTWAIT))
            found = list(lines.feed(data))
            shown += len(found)
            for text in found if shown <= SINGLE_LINES else [b"\n".join(found)] if found else ():
                take(text)
            if not data and (rest := lines.rest()):
                take(rest)
            return bool(data)

        return read

    def _take_logs(self, data: bytes) -> None:
        for line in self._log_lines.feed(data):
            entry = _read(line)
            if "event" in entry:
                level = str(entry.get("level", "")).upper()
                self.tail.line(f"{level} {entry.get('logger')}: {entry['event']}")
                self._show_log.send(line)
            elif "values" in entry:
                mask_secret(entry["values"])


def _read(line: bytes) -> dict[str, Any]:
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(line, type=dict[str, Any])
    return {}
