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
from enum import Enum

from django.db import InterfaceError, NotSupportedError, OperationalError, connections

from windsock.django.actions import tasks
from windsock.django.conf import settings
from windsock.django.models import TaskRun
from windsock.django.stopping import Guard

logger = logging.getLogger(__name__)

PROGRESS_INTERVAL = 0.2  #: seconds between two writes of progress
LOOK_INTERVAL = 1.0  #: seconds between two looks whether to stop, so that a shorter task costs none
IDLE_LIMIT = 60.0  #: seconds after which an idle thread gives its connection back
RECONNECT_AFTER = 1.0  #: seconds


class Reason(Enum):
    """Why an attempt is to stop."""

    CANCEL = "it was cancelled"
    TIME_LIMIT = "its time is over"
    LOST = "the attempt was ended or taken over elsewhere"


class Pulse:
    """What a running attempt and the thread that watches over it tell each other."""

    #: Whether the process may be killed to end the attempt.
    expendable = False

    def __init__(self, run: TaskRun, lease: timedelta | None = None) -> None:
        self.run = run
        self.lease = lease
        #: What stops it; an attempt without a lease is its caller's to stop.
        self.guard = Guard() if lease else None
        self.percent = run.progress
        self.related_id = run.related_id
        self.reason: Reason | None = None
        self._written = (self.percent, self.related_id)
        self._written_at = self._looked_at = time.monotonic()
        self._not_before = 0.0
        limit = run.timeout.total_seconds() if lease and run.timeout else math.inf
        self._deadline = self._written_at + limit
        self._kill_at = math.inf

    @property
    def cancelled(self) -> bool:
        """Whether the attempt is to stop."""
        return self.reason is not None

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
        """Return when to write or to look next, on the monotonic clock."""
        look = self._looked_at + LOOK_INTERVAL if self.lease and self.reason is None else math.inf
        return max(min(self._write_at(), look, self._deadline, self._kill_at), self._not_before)

    def _write_at(self) -> float:
        renewal = self._written_at + self.lease.total_seconds() / 3 if self.lease else math.inf
        news = (self.percent, self.related_id) != self._written
        return min(renewal, self._written_at + PROGRESS_INTERVAL if news else math.inf)

    def beat(self) -> None:
        """Do what is due: write, read whether to go on, stop the task, or end this process."""
        now = time.monotonic()
        try:
            if now >= self._deadline:
                self.stop(Reason.TIME_LIMIT)
            if now >= self._kill_at:
                self._end()
            elif now >= self._write_at():
                self._write()
            elif self.lease:
                self._heed(tasks.look(self.run))
        except (OperationalError, InterfaceError, NotSupportedError) as error:
            logger.warning("The heartbeat of task %s failed: %s", self.run.pk, error)
            connections[tasks.alias()].close()
            self._not_before = time.monotonic() + RECONNECT_AFTER

    def _write(self) -> None:
        percent, related_id = self.percent, self.related_id
        answer = tasks.renew(self.run, lease=self.lease, progress=percent, related_id=related_id)
        self._written, self._written_at = (percent, related_id), time.monotonic()
        self._heed(answer)

    def _heed(self, answer: bool | None) -> None:
        self._looked_at = time.monotonic()
        if answer is None:
            self.stop(Reason.LOST)
            self.lease, self._written_at = None, math.inf
        elif answer:
            self.stop(Reason.CANCEL)

    def stop(self, reason: Reason) -> None:
        """Tell the task to stop; the first reason counts."""
        self._deadline = math.inf
        if self.reason is None:
            self.reason = reason
            if self.guard:
                self._kill_at = time.monotonic() + float(settings.CANCEL_GRACE_SECONDS)
                self.guard.stop()

    def _end(self) -> None:
        """End an attempt that was asked to stop and did not."""
        if self.expendable and self.guard:
            self.guard.kill(self._give_up)
        else:
            self._give_up()
        self.lease, self._written_at, self._kill_at = None, math.inf, math.inf

    def _give_up(self) -> None:
        failure = tasks.out_of_time(self.run) if self.reason is Reason.TIME_LIMIT else None
        if self.lease:
            tasks.give_up(self.run, failure)
        how = "and the process ends" if self.expendable else "and goes on unwatched"
        why = self.reason.value if self.reason else ""
        logger.warning("Task %s did not stop though %s, %s.", self.run.pk, why, how)


class _WatchedPulse(Pulse):
    def __init__(self, run: TaskRun, lease: timedelta | None, watcher: "Heartbeat") -> None:
        super().__init__(run, lease)
        self._watcher = watcher
        self.expendable = watcher.expendable and lease is not None

    def changed(self) -> None:
        self._watcher.notice(self)


class Heartbeat:
    """The thread and the pulses that it watches over."""

    def __init__(self) -> None:
        #: Whether a task that does not stop takes this process with it; where it is the process's one task.
        self.expendable = False
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
