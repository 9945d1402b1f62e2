"""Free TCP ports on the loopback address."""

import socket

from windsock.local.errors import NoFreePort

HOST = "127.0.0.1"


def free(preferred: int, taken: frozenset[int] = frozenset()) -> int:
    """The preferred port, or the next free one after it.

    Args:
        preferred: Where to begin.
        taken: Ports that are promised to others.

    Raises:
        NoFreePort: None of a hundred is free.
    """
    for port in range(preferred, min(preferred + 100, 65536)):
        if port not in taken and _is_free(port):
            return port
    raise NoFreePort(f"no free port from {preferred} on")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # A port whose last connection still lingers is free for a server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
