"""Free TCP ports on the loopback address."""

import socket
import sys

from windsock.local.errors import NoFreePort

HOST = "127.0.0.1"
#: What this process keeps until it ends, for parts that do not listen yet or are just started again.
_kept: set[int] = set()


def free(preferred: int, taken: frozenset[int] = frozenset()) -> int:
    """The preferred port, or the next free one after it; no other stack is given it while this process runs.

    Args:
        preferred: Where to begin.
        taken: Ports that are promised to others.

    Raises:
        NoFreePort: None of a hundred is free.
    """
    for port in range(preferred, min(preferred + 100, 65536)):
        if port not in taken and _is_free(port) and _keep(port):
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


def _keep(port: int) -> bool:
    """Whether the port is ours alone: a name that the kernel gives once and takes back with the process.

    The port itself cannot be held, since a part could not listen on it then. Only Linux has such names.
    """
    if port in _kept or sys.platform != "linux":
        return True
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as name:
        try:
            name.bind(f"\0windsock-port-{port}")
        except OSError:
            return False
        name.detach()  # left open
    _kept.add(port)
    return True
