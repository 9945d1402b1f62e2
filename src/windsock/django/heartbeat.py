"""One thread per process that keeps running tasks alive in the record.

It renews leases, carries progress and sees requests to cancel, over a connection of its own in autocommit,
so that the task's own transaction neither hides nor undoes what it writes.
"""

import logging
import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import InterfaceError, OperationalError, connections

from windsock.django.actions import tasks
from windsock.django.models import TaskRun

logger = logging.getLogger(__name__)

PROGRESS_INTERVAL = 0.2  #: seconds between two writes of progress
IDLE_LIMIT = 60.0  #: seconds after which an idle thread gives its connection back
RECONNECT_AFTER = 1.0  #: seconds


class Pulse:
    """What a running attempt and the thread that watches over it tell each other."""

    def __init__(self, run: TaskRun, lease: timedelta | None = None) -> None:
        self.run = run
        self.lease = lease
        self.percent = run.progress
        self.related_id = run.related_id
        self.cancelled = False
        self._written = (self.percent, self.related_id)
        self._written_at = time.monotonic()
        self._not_before = 0.0
        limit = run.timeout.total_seconds() if lease and run.timeout else math.inf
        self._deadline = self._written_at + limit

    def report(self, percent: int) -> None:
        """Take over the progress, 0..100."""
        if percent != self.percent:
            self.percent = percent
            self.changed()

    def relate(self, related_id: str) -> None:
        """Take over the key of the row that the task is about."""
        if related_id != self.related_id:
            self.related_id = related_id
            self.changed()

    def changed(self) -> None:
        """Be told that there is something to write."""

    def due(self) -> float:
        """Return when to write next, on the monotonic clock."""
        renewal = self._written_at + self.lease.total_seconds() / 3 if self.lease else math.inf
        news = (self.percent, self.related_id) != self._written
        progress = self._written_at + PROGRESS_INTERVAL if news else math.inf
        return max(min(renewal, progress, self._deadline), self._not_before)

    def beat(self) -> None:
        """Write what is due and read whether to go on."""
        percent, related_id = self.percent, self.related_id
        if time.monotonic() >= self._deadline:
            self.cancelled, self._deadline = True, math.inf
        try:
            answer = tasks.renew(self.run, lease=self.lease, progress=percent, related_id=related_id)
        except (OperationalError, InterfaceError) as error:
            logger.warning("The heartbeat of task %s failed: %s", self.run.pk, error)
            connections[tasks.alias()].close()
            self._not_before = time.monotonic() + RECONNECT_AFTER
            return
        self._written, self._written_at = (percent, related_id), time.monotonic()
        if answer is not False:
            self.cancelled = True
        if answer is None:
            self.lease, self._written_at, self._deadline = None, math.inf, math.inf


class _WatchedPulse(Pulse):
    def __init__(self, run: TaskRun, lease: timedelta | None, watcher: "Heartbeat") -> None:
        super().__init__(run, lease)
        self._watcher = watcher

    def changed(self) -> None:
        self._watcher.notice(self)


class Heartbeat:
    """The thread and the pulses that it watches over."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._pulses: set[Pulse] = set()
        self._thread: threading.Thread | None = None
        self._wakes_at = -math.inf
        self._stopping = False

    @contextmanager
    def watch(self, run: TaskRun, lease: timedelta | None = None) -> Iterator[Pulse]:
        """Watch over an attempt while the block lasts.

        Afterwards ``run`` carries the last progress and the related key, for ``actions.tasks.finish``.

        Args:
            run: the claimed record.
            lease: how long the attempt stays taken without a renewal; None: it has no lease.
        """
        pulse = _WatchedPulse(run, lease, self)
        with self._condition:
            self._pulses.add(pulse)
        self.notice(pulse)
        try:
            yield pulse
        finally:
            with self._condition:
                self._pulses.discard(pulse)
            run.progress, run.related_id = pulse.percent, pulse.related_id

    def notice(self, pulse: Pulse) -> None:
        """See to it that the thread is awake when ``pulse`` is due."""
        due = pulse.due()
        with self._condition:
            if due == math.inf or due >= self._wakes_at > -math.inf:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="windsock-heartbeat", daemon=True)
                self._thread.start()
            self._condition.notify()

    def stop(self) -> None:
        """End the thread and close its connection; it starts again when it is needed."""
        with self._condition:
            thread, self._thread = self._thread, None
            self._stopping = thread is not None
            self._condition.notify()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        try:
            while (due := self._next()) is not None:
                for pulse in due:
                    pulse.beat()
        finally:
            connections.close_all()
            self._stopping, self._wakes_at = False, -math.inf

    def _next(self) -> list[Pulse] | None:
        with self._condition:
            while not self._stopping:
                now = time.monotonic()
                moments = {pulse: pulse.due() for pulse in self._pulses}
                if due := [pulse for pulse, moment in moments.items() if moment <= now]:
                    return due
                self._wakes_at = min(moments.values(), default=math.inf)
                pause = self._wakes_at - now
                if not self._condition.wait(min(pause, IDLE_LIMIT)) and pause > IDLE_LIMIT:
                    connections.close_all()
                    self._condition.wait(None if pause == math.inf else pause - IDLE_LIMIT)
        return None


heartbeat = Heartbeat()
# The thread does not exist in a forked child, and its lock may be held there for ever.
os.register_at_fork(after_in_child=heartbeat.__init__)  # type: ignore[misc]
