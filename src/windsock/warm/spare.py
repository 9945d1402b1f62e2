"""A child that is forked before its call has come, and waits for whom it is for."""

import contextlib
import os
import signal
import socket
from collections.abc import Callable
from typing import NoReturn, Self

from windsock.warm.process import kill_group

#: Seconds without a call after which a spare child goes: it keeps some megabytes of its own.
LIFE = 10.0
DESCRIPTORS = 4
CLOSE_ON_EXEC: int = getattr(socket, "MSG_CMSG_CLOEXEC", 0)

Source = Callable[[], list[int]]  #: waits for a caller's descriptors; none are given when nobody comes


class Spare:
    """The parent's hold on it."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid  #: leads a process group of its own
        self._channel = channel

    @classmethod
    def fork(cls, run: Callable[[Source], NoReturn]) -> Self:
        """Fork one.

        Args:
            run: what the child does; never returns.
        """
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            run(lambda: _wait(theirs))
        theirs.close()
        # Done on both sides, so that there is a group to kill from the first moment on.
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        return cls(pid, ours)

    def give(self, descriptors: list[int]) -> None:
        """Hand it a caller's descriptors; that it has died already will be seen by its exit status."""
        with self._channel, contextlib.suppress(OSError):
            socket.send_fds(self._channel, [b"."], descriptors)

    def has_ended(self) -> bool:
        """Whether it has ended by itself, or was killed; it is reaped then."""
        ended = os.waitpid(self.pid, os.WNOHANG)[0] == self.pid
        if ended:
            self._channel.close()
        return ended

    def end(self) -> None:
        """End it, nobody having come."""
        self._channel.close()
        kill_group(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _wait(channel: socket.socket) -> list[int]:
    with channel:
        return socket.recv_fds(channel, 1, DESCRIPTORS, CLOSE_ON_EXEC)[1]
