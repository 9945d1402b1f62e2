"""A task that is called without a record."""

import logging
import time
from typing import Any

log = logging.getLogger("windsock")


class CallContext:
    """The context of a task that is called without a record; progress goes into the log."""

    cancelled = False  #: what is cancelled is killed

    def __init__(self, attempt: int) -> None:
        self.attempt = attempt  #: from 1
        self._said = (-1, 0.0)

    def progress(self, done: float, total: float = 100) -> None:
        """Say how far the task is: in the log once a second, and at the end."""
        percent = max(0, min(100, int(100 * done / total))) if total > 0 else 0
        now, (before, at) = time.monotonic(), self._said
        if percent != before and (percent == 100 or now - at >= 1):
            self._said = (percent, now)
            log.info("progress: %d %%", percent)

    async def aprogress(self, done: float, total: float = 100) -> None:
        """Do the same in an async task."""
        self.progress(done, total)

    def relate(self, related_id: object) -> None:
        """Note which row the task is about; there is no record that could keep it."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"context.{name} needs the task's record, and a task that is called directly has none; "
            "DjangoTaskOperator enqueues the task with one"
        )
