"""Which task a line of the log belongs to, and lines of JSON.

Nothing here imports models, so that ``LOGGING`` can name these classes. Arguments are never logged.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

#: The attributes that a line gets, and what they are outside of any task.
NO_TASK: Mapping[str, Any] = MappingProxyType({"task_id": "", "task_name": "", "attempt": 0})

_task: ContextVar[Mapping[str, Any]] = ContextVar("windsock_task", default=NO_TASK)


def fields(run: Any) -> dict[str, Any]:
    """Return what ``extra=`` of a line about ``run`` takes, where no task is running."""
    return {"task_id": str(run.pk), "task_name": run.name, "attempt": run.attempt}


@contextmanager
def running(run: Any) -> Iterator[None]:
    """Have every line that is logged inside the block carry the task of ``run``."""
    token = _task.set(fields(run))
    try:
        yield
    finally:
        _task.reset(token)


class TaskContextFilter(logging.Filter):
    """Gives each line ``task_id``, ``task_name`` and ``attempt``; add it to a handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add what the line does not say itself; no line is dropped."""
        for name, value in _task.get().items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True


class JsonFormatter(logging.Formatter):
    """One line of JSON for each line of the log, with the task if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        if task_id := getattr(record, "task_id", ""):
            line |= {"task_id": task_id}
            line |= {
                name: getattr(record, name) for name in ("task_name", "attempt") if hasattr(record, name)
            }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return json.dumps(line, ensure_ascii=False, default=str)
