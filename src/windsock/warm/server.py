"""The warm process itself: one thread that forks, watches and reports."""

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from windsock.call import Failure, describe, import_function
from windsock.errors import WireError
from windsock.warm import child, offspring
from windsock.warm.door import Door
from windsock.warm.frames import FrameReader, encode
from windsock.warm.origin import Origin
from windsock.warm.process import adopt_orphans, kill_group
from windsock.warm.spare import CLOSE_ON_EXEC, DESCRIPTORS, LIFE, Spare
from windsock.wire import check_protocol, to_json

#: A process whose set-up failed only lives to say so, seconds.
FAILED_IDLE = 5.0
_STOP = frozenset({signal.SIGTERM, signal.SIGINT})


@dataclass(eq=False, slots=True)
class _Guest:
    connection: socket.socket
    reader: FrameReader = field(default_factory=FrameReader)
    descriptors: list[int] = field(default_factory=list)
    pid: int = 0  # of the child; 0 before the fork


class Server:
    """Forks a child per connection, until it was idle for long enough, is out of date, or is told to stop."""

    def __init__(self, door: Door, origin: Origin, *, idle: float) -> None:
        """Take over the door.

        Args:
            door: open.
            origin: says whether what this process was started from has changed.
            idle: seconds without a connection after which the process ends.
        """
        self._door = door
        self._origin = origin
        self._idle = idle
        self._guests: set[_Guest] = set()
        self._around: child.Around = contextlib.nullcontext
        self._failure: Failure | None = None
        self._own: list[int] = []  # processes that the set-up began
        self._spare: Spare | None = None
        self._retired = self._stopping = False
        self._pid = os.getpid()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._selector = selectors.DefaultSelector()

    def set_up(self, function: str) -> None:
        """Call the project's set-up; what it raises is kept and told to every caller.

        Args:
            function: "module:function".
        """
        try:
            with self._origin.watch.noting():
                self._around = import_function(function.replace(":", "."))() or contextlib.nullcontext
        except BaseException as error:
            self._failure = describe(error)
            _say(f"the set-up {function} failed\n{self._failure.traceback}")
        if threading.active_count() > 1:
            names = ", ".join(sorted(thread.name for thread in threading.enumerate()))
            _say(f"the set-up left threads, which no child will have: {names}")
        gc.collect()
        gc.freeze()

    def run(self) -> None:
        """Serve until the end."""
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        for sig in (*_STOP, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(sig, _nothing)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, self._wake_up)
        self._selector.register(self._door.listener, selectors.EVENT_READ, self._accept)
        adopt_orphans()
        self._own = offspring.children()
        try:
            self._serve()
        finally:
            self._retire("it ends")
            for pid in filter(None, (guest.pid for guest in self._guests)):
                kill_group(pid)
            offspring.end_all()

    def _serve(self) -> None:
        busy_at = time.monotonic()
        while not self._stopping and not (self._retired and not self._guests):
            if self._guests and self._failure is None:
                busy_at = time.monotonic()
            patience = min(LIFE, self._patience) if self._spare else self._patience
            left = None if self._retired else busy_at + patience - time.monotonic()
            if left is not None and left <= 0:
                if self._spare:
                    self._end_spare()
                    continue
                self._retire("nobody called" if self._failure is None else "its set-up is tried again")
                continue
            for key, _ in self._selector.select(left):
                react: Callable[[], None] = key.data
                react()

    @property
    def _patience(self) -> float:
        return self._idle if self._failure is None else min(self._idle, FAILED_IDLE)

    def _retire(self, reason: str) -> None:
        """Leave new calls to a new owner; the children that run are seen to their end."""
        if self._retired:
            return
        self._retired = True
        self._end_spare()
        _say(f"no more calls: {reason}")
        self._selector.unregister(self._door.listener)
        for connection in self._door.hand_over():
            self._receive(connection)

    def _wake_up(self) -> None:
        signals = set(self._wake_reader.recv(4096))
        self._stopping = self._stopping or not _STOP.isdisjoint(signals)
        if signal.SIGHUP in signals:
            self._retire("it was told to start anew")
        if self._spare and self._spare.has_ended():
            self._spare = None
        reaped = [guest for guest in list(self._guests) if guest.pid and self._reap(guest)]
        kept = {self._spare.pid} if self._spare else set()
        offspring.end_strays({*self._own, *kept, *(guest.pid for guest in self._guests)})
        # Nobody waits for a fork now; and where one call has ended, the next one is near.
        if reaped and not (self._spare or self._retired or self._stopping):
            self._spare = self._fork()

    def _accept(self) -> None:
        if self._retired:
            return  # in this very round
        try:
            connection = self._door.accept()
        except OSError as error:  # the caller went away, or descriptors ran out
            _say(f"could not accept a connection: {error}")
            return
        if connection is not None:
            self._receive(connection)

    def _receive(self, connection: socket.socket) -> None:
        guest = _Guest(connection)
        self._guests.add(guest)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._hear(guest))

    def _hear(self, guest: _Guest) -> None:
        if guest.connection.fileno() < 0:
            return  # its child's end was seen in the same round
        try:
            data, descriptors, _, _ = socket.recv_fds(guest.connection, 4096, DESCRIPTORS, CLOSE_ON_EXEC)
            guest.descriptors += descriptors
            for hello in guest.reader.feed(data):
                self._welcome(guest, hello)
        except (OSError, WireError) as error:
            _say(f"a connection is given up: {error}")
            data = b""
        if not data:
            self._dismiss(guest)

    def _welcome(self, guest: _Guest, hello: dict[str, Any]) -> None:
        check_protocol(hello)
        if guest.pid or len(guest.descriptors) != DESCRIPTORS:
            raise WireError("a connection starts with one greeting that carries four descriptors")
        if not self._retired and (reason := self._origin.outdated_by(hello)):
            self._retire(reason)
        if self._retired:
            guest.connection.send(encode({"retired": True}))
            return
        if self._failure is not None:
            guest.connection.send(encode({"setup_failure": to_json(self._failure)}))
            return
        if self._spare and self._spare.has_ended():
            self._spare = None
        heir, self._spare = self._spare or self._fork(), None
        guest.pid = heir.pid
        heir.give(guest.descriptors)
        _close(guest.descriptors)
        guest.connection.send(encode({"pid": guest.pid}))

    def _fork(self) -> Spare:
        return Spare.fork(lambda source: child.run(self._pid, source, self._around, self._forget))

    def _end_spare(self) -> None:
        spare, self._spare = self._spare, None
        if spare:
            spare.end()

    def _forget(self) -> None:
        self._selector.close()
        self._door.close()
        for held in (self._wake_reader, self._wake_writer):
            held.close()
        for guest in self._guests:
            guest.connection.close()
            _close(guest.descriptors)

    def _dismiss(self, guest: _Guest) -> None:
        self._selector.unregister(guest.connection)
        guest.connection.close()
        _close(guest.descriptors)
        if guest.pid:
            kill_group(guest.pid)
        else:
            self._guests.discard(guest)

    def _reap(self, guest: _Guest) -> bool:
        pid, status = os.waitpid(guest.pid, os.WNOHANG)
        if not pid:
            return False
        kill_group(pid)
        self._guests.discard(guest)
        if guest.connection.fileno() >= 0:
            with contextlib.suppress(OSError):
                guest.connection.send(encode({"exit": os.waitstatus_to_exitcode(status)}))
            self._selector.unregister(guest.connection)
            guest.connection.close()
        return True


def _close(descriptors: list[int]) -> None:
    while descriptors:
        os.close(descriptors.pop())


def _nothing(_signal: int, _frame: FrameType | None) -> None:
    """Stand in as a handler, so that the signal is written to the wake-up descriptor."""


def _say(text: str) -> None:
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} windsock.warm[{os.getpid()}]: {text}", file=sys.stderr)
