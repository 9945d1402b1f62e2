"""The child's log records as JSON lines, in the form of Airflow's log channel."""

import json
import logging
import os
import sys
from datetime import UTC, datetime

#: Source: Airflow 3.3, ``process_log_messages_from_subprocess``: other level names are dropped.
_LEVELS = ((50, "critical"), (40, "error"), (30, "warning"), (20, "info"))


class JsonLines(logging.Handler):
    """Writes each record as one JSON object to a descriptor."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def emit(self, record: logging.LogRecord) -> None:
        """Write ``record``; a reader that went away is no error."""
        try:
            line = json.dumps(as_line(record)).encode() + b"\n"
            while line:
                line = line[os.write(self._descriptor, line) :]
        except OSError:
            pass
        except Exception:
            self.handleError(record)


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
    """Have the root logger write to ``descriptor``, in place of the terminal.

    A project that configures no logging of its own gets its INFO records shown.
    """
    root = logging.getLogger()
    if not root.handlers and root.level == logging.WARNING:
        root.setLevel(logging.INFO)
    for handler in list(root.handlers):
        if isinstance(handler, logging.StreamHandler) and handler.stream in _terminals():
            root.removeHandler(handler)
    root.addHandler(JsonLines(descriptor))


def _terminals() -> tuple[object, ...]:
    return (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
