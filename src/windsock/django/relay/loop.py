"""One process that does all duties: each in a thread of its own, so that a slow one holds up no other."""

import logging
import os
import select
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from django.db import Error as DatabaseError
from django.db import close_old_connections, connections

from windsock.django.actions.tasks import alias
from windsock.django.events import announce
from windsock.django.relay.duty import CHANNEL, Duty

logger = logging.getLogger(__name__)

LOCK = 0x77696E64  #: the advisory lock that only one relay of a database holds
STANDBY = 1.0  #: seconds between two looks whether the other relay is gone
LONGEST_BACK_OFF = 30.0  #: seconds
PATIENCE = 0.5  #: seconds for rounds that go on at the end


class Worker(threading.Thread):
    """Does one duty whenever it is due or woken."""

    def __init__(self, duty: Duty, leading: threading.Event, finished_round: Callable[[], None]) -> None:
        super().__init__(name=f"windsock-relay-{duty.name}", daemon=True)
        self.duty = duty
        self.rounds = 0
        self._leading = leading
        self._finished_round = finished_round
        self._woken = threading.Event()
        self._stopping = False
        self._failures = 0

    def wake(self) -> None:
        """Have it done at once."""
        self._woken.set()

    def stop(self) -> None:
        """End the thread after the round that is going on."""
        self._stopping = True
        self._woken.set()

    def run(self) -> None:
        """Do the duty until ``stop``."""
        pause = 0.0
        while True:
            self._woken.wait(pause)
            self._leading.wait()
            self._woken.clear()
            if self._stopping:
                break
            pause = self._round()
            self.rounds += 1
            self._finished_round()
        connections.close_all()

    def _round(self) -> float:
        try:
            close_old_connections()
            pause = self.duty.run()
        except Exception as error:
            self._failures += 1
            expected = isinstance(error, DatabaseError | OSError) or self._failures > 1
            logger.warning("%s failed: %r", self.duty.name, error, exc_info=None if expected else error)
            return min(LONGEST_BACK_OFF, 0.5 * 2.0 ** min(self._failures, 10))
        finally:
            close_old_connections()
        self._failures = 0
        return (self.duty.every if pause is None else min(pause, self.duty.every)).total_seconds()


class Relay:
    """Leads while it holds the lock; another one stands by and takes over.

    Args:
        duties: what to do.
        ready: called once, when every duty has been tried.
    """

    def __init__(self, duties: Iterable[Duty], ready: Callable[[], None] = lambda: None) -> None:
        self._leading = threading.Event()
        self._workers = {duty.name: Worker(duty, self._leading, self._count) for duty in duties}
        self._ready = ready
        #: Whatever is written to the second one ends a wait; for ``signal.set_wakeup_fd``.
        self._waking, self.waker = os.pipe()
        os.set_blocking(self.waker, False)
        self._stopping = False
        self._lock = threading.Lock()

    def stop(self, *_: object) -> None:
        """End ``run`` at once; safe in a signal handler."""
        self._stopping = True
        os.write(self.waker, b".")

    def run(self) -> None:
        """Work until ``stop``, through restarts of the database."""
        for worker in self._workers.values():
            worker.start()
        back_off = 0.2
        while not self._stopping:
            began = time.monotonic()
            try:
                self._lead()
            except (DatabaseError, psycopg.Error) as error:
                logger.warning("The relay lost its database: %s", error)
            self._leading.clear()
            back_off = 0.2 if time.monotonic() - began > LONGEST_BACK_OFF else min(5.0, back_off * 2)
            self._wait(back_off)
        for worker in self._workers.values():
            worker.stop()
        self._leading.set()
        deadline = time.monotonic() + PATIENCE
        for worker in self._workers.values():
            worker.join(max(0, deadline - time.monotonic()))

    def _lead(self) -> None:
        connection = connections[alias()].copy()
        try:
            connection.ensure_connection()
            raw = connection.connection
            while not raw.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()[0]:
                if self._wait(STANDBY):
                    return
            raw.execute(f"LISTEN {CHANNEL}")
            logger.info("This relay leads.")
            for worker in self._workers.values():
                worker.wake()
            self._leading.set()
            while not self._wait(None, raw):
                for notification in raw.notifies(timeout=0):
                    if notification.payload in self._workers:
                        self._workers[notification.payload].wake()
                # Whoever woke the relay changed something; a step leaves it to the relay to say so.
                announce()
        finally:
            connection.close()

    def _wait(self, seconds: float | None, connection: Any = None) -> bool:
        """Wait for the time, the connection or the end; tell whether it is the end."""
        watched = [self._waking] if connection is None else [self._waking, connection.fileno()]
        if not self._stopping:
            select.select(watched, [], [], seconds)
        return self._stopping

    def _count(self) -> None:
        with self._lock:
            if self._ready is not None and all(worker.rounds for worker in self._workers.values()):
                ready, self._ready = self._ready, lambda: None
                ready()
