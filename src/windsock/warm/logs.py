"""The child's log records as JSON lines, in the form of Airflow's log channel."""

import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

#: Source: Airflow 3.3, ``process_log_messages_from_subprocess``: other level names are dropped.
_LEVELS = ((50, "critical"), (40, "error"), (30, "warning"), (20, "info"))

Line = dict[str, str]


def _unchanged(line: Line) -> Line:
    return line


class JsonLines(logging.Handler):
    """Writes each record as one JSON object to a descriptor."""

    def __init__(self, descriptor: int, like: logging.Handler | None = None) -> None:
        super().__init__(like.level if like else logging.NOTSET)
        self.filters = list(like.filters) if like else []
        self._descriptor = descriptor
        #: Each line passes through this on its way out.
        self.through: Callable[[Line], Line] = _unchanged

    def emit(self, record: logging.LogRecord) -> None:
        """Write ``record``."""
        try:
            self.write(self.through(as_line(record)))
        except Exception:
            self.handleError(record)

    def write(self, document: Mapping[str, Any]) -> None:
        """Write an object as a line; a reader that went away is no error."""
        data = json.dumps(document).encode() + b"\n"
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(self._descriptor, data) :]


#: Those of this process, once ``send_logs_to`` has made them.
channels: list[JsonLines] = []


def as_line(record: logging.LogRecord) -> dict[str, str]:
    """Return what is kept of a record: time, level, logger and text, with a traceback in the text."""
    text = record.getMessage()
    if record.exc_info:
        text = f"{text}\n{logging.Formatter().formatException(record.exc_info)}"
    return {
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
        "level": next((name for least, name in _LEVELS if record.levelno >= least), "debug"),
        "logger": record.name,
        "event": text,
    }


def send_logs_to(descriptor: int) -> None:
    """Have whatever would be logged to the terminal written to ``descriptor`` instead.

    Other handlers stay. A project that configures no logging of its own gets its INFO records shown.
    """
    root = logging.getLogger()
    if not root.handlers and root.level == logging.WARNING:
        root.setLevel(logging.INFO)
    channels[:] = [JsonLines(descriptor, like=handler) for handler in _taken_off(root)]
    channels[:] = channels or [JsonLines(descriptor)]
    for channel in channels:
        root.addHandler(channel)
    for logger in list(root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger) and logger.handlers:
            replaced = [JsonLines(descriptor, like=handler) for handler in _taken_off(logger)]
            if not _reaches_root(logger):
                channels.extend(replaced)
                for channel in replaced:
                    logger.addHandler(channel)


def _taken_off(logger: logging.Logger) -> list[logging.Handler]:
    """Take the handlers that write to the terminal off a logger, and return them."""
    terminals = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    found: list[logging.Handler] = [
        handler
        for handler in logger.handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream in terminals
    ]
    for handler in found:
        logger.removeHandler(handler)
    return found


def _reaches_root(logger: logging.Logger) -> bool:
    current: logging.Logger | None = logger
    while current is not None and current.parent is not None:
        if not current.propagate:
            return False
        current = current.parent
    return True
