"""Where a warm process is met: a private folder, a socket in it, and a lock beside the socket."""

import contextlib
import fcntl
import hashlib
import os
import secrets
import socket
import struct
import sys
from pathlib import Path

from windsock.private import private_folder as private_folder

#: Bytes of a unix socket's path with its closing zero. Source: macOS, <sys/un.h>; Linux has 108.
SOCKET_PATH_LIMIT = 104
_SHARED = Path("/tmp")  # noqa: S108 - the fallback for long paths; what is made in it is checked


def socket_path(home: Path, identity: str) -> Path:
    """Return the socket path of one project, in a folder that only this user can enter.

    Args:
        home: a folder of this user's, such as AIRFLOW_HOME.
        identity: tells one project from another; any text.

    Raises:
        TransportError: a folder on the way is not ours.
    """
    name = hashlib.sha256(identity.encode()).hexdigest()[:16] + ".sock"
    folder = private_folder(home / "windsock")
    if len(os.fsencode(folder / name)) >= SOCKET_PATH_LIMIT:
        # Nobody else can foresee the folder's name, so nobody can be there first.
        folder = private_folder(_SHARED / f"windsock-{_secret(folder / 'secret')}")
    return folder / name


def lock(path: Path) -> int | None:
    """Try to become the owner of the socket at ``path``.

    Returns:
        The descriptor that holds the lock for as long as it is open, or ``None`` if there is an owner.
    """
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def note_owner(descriptor: int) -> None:
    """Write this process's id into the lock's file."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def owner(path: Path) -> int | None:
    """Return the process id of who last owned the socket at ``path``; ``None`` if nobody did."""
    try:
        return int(Path(f"{path}.lock").read_text())
    except (FileNotFoundError, ValueError):
        return None


def peer_uid(connection: socket.socket) -> int:
    """Return the user id of the process at the other end of a unix socket."""
    if sys.platform == "linux":
        ucred = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", ucred)[1])
    # LOCAL_PEERCRED gives a version and the user id first. Source: macOS and FreeBSD, <sys/ucred.h>.
    return int(struct.unpack("2I", connection.getsockopt(0, 1, 76)[:8])[1])


def _secret(path: Path) -> str:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(descriptor, secrets.token_hex(16).encode())
        os.close(descriptor)
        try:
            os.link(draft, path)
        finally:
            draft.unlink()
    return path.read_text()
