"""The door of the warm process: the socket at which callers knock, and the lock that makes one its owner."""

import contextlib
import fcntl
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from windsock.warm import place


@dataclass(frozen=True, slots=True)
class Door:
    """A listening socket and the lock beside it."""

    path: Path  #: of the socket
    listener: socket.socket
    lock: int  #: descriptor that holds the lock

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """Become the owner of the socket at ``path`` and listen; ``None`` if there is an owner."""
        lock = place.lock(path)
        if lock is None:
            return None
        with contextlib.suppress(FileNotFoundError):
            path.unlink()  # its owner is gone
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(os.fspath(path))
        path.chmod(0o600)
        listener.listen(512)
        listener.setblocking(False)
        return cls(path, listener, lock)

    def accept(self) -> socket.socket | None:
        """Return the connection of this user's that waits longest; ``None`` for one that may not come in.

        Raises:
            BlockingIOError: nobody waits.
            OSError: the caller went away, or descriptors ran out.
        """
        connection, _ = self.listener.accept()
        if place.peer_uid(connection) != os.geteuid():
            connection.close()
            return None
        connection.setblocking(False)
        return connection

    def hand_over(self) -> list[socket.socket]:
        """Let somebody else become the owner; return the connections that waited.

        A caller who finds nothing at the path starts a new owner, who finds the lock free.
        """
        self.path.unlink(missing_ok=True)
        waiting = []
        with contextlib.suppress(OSError):
            while True:
                waiting.append(self.accept())
        # A child that was forked just now may still hold the lock's descriptor, so closing it is not enough.
        fcntl.flock(self.lock, fcntl.LOCK_UN)
        self.close()
        return [connection for connection in waiting if connection is not None]

    def close(self) -> None:
        """Close it here alone: whoever shares it keeps it. To close it twice is no error."""
        if self.listener.fileno() >= 0:
            self.listener.close()
            os.close(self.lock)
