"""PostgreSQL and Valkey that can be stopped, killed and started again where they were."""

import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import redis

from windsock.local import accounts, broker, places, postgres
from windsock.local.process import spawn


class Postgres:
    """A server that keeps what it committed."""

    def __init__(self, folder: Path) -> None:
        account = accounts.unprivileged()
        data = places.database_folder(folder / "postgres-data", account)
        sockets = places.socket_folder(folder / "run", account)
        self.server = postgres.server(data, sockets)
        self._elsewhere = [each for each in (data.parent, sockets) if not each.is_relative_to(folder)]
        self._log = folder / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; after a kill its old processes may hold it up for a moment."""
        deadline = time.monotonic() + 30
        self.server.prepare(self._log)
        while not self._answers():
            assert time.monotonic() < deadline, self._log.read_text()[-2000:]
            if self._process is None or self._process.poll() is not None:
                with self._log.open("ab") as output:
                    self.server.prepare(self._log)
                    self._process = spawn(self.server.command(), output)
            time.sleep(0.02)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT is the fast shutdown, SIGKILL a crash."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(timeout=30)

    def forget(self) -> None:
        """End it for good; what had to be elsewhere than in the tests' folder is removed."""
        self.stop()
        for each in self._elsewhere:
            shutil.rmtree(each)

    def _answers(self) -> bool:
        return self._process is not None and self._process.poll() is None and self.server.accepts()


class Valkey:
    """A broker with an append-only file."""

    def __init__(self, folder: Path) -> None:
        self._sockets = places.socket_folder(folder / "run", None)
        file = self._sockets / "valkey/valkey.sock"
        self.server = broker.Broker(data=folder / "valkey-data", socket_file=file)
        self._log = folder / "valkey.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.server.prepare()
        with self._log.open("ab") as output:
            self._process = spawn(self.server.command(), output)
        deadline = time.monotonic() + 20
        while not self.server.accepts():
            assert self._process.poll() is None, self._log.read_text()[-2000:]
            assert time.monotonic() < deadline, self._log.read_text()[-2000:]
            time.sleep(0.02)

    def stop(self) -> None:
        self.send(signal.SIGTERM)
        assert self._process is not None
        self._process.wait(timeout=20)

    def forget(self) -> None:
        """End it for good."""
        self.stop()
        places.remove_sockets(self._sockets)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def ask(self, *words: Any) -> Any:
        """Give one command."""
        with redis.Redis(unix_socket_path=str(self.server.socket_file)) as client:
            return client.execute_command(*words)

    def queues(self) -> dict[bytes, list[bytes]]:
        """Return the messages that wait, by the name of their list."""
        names = [name for name in self.ask("KEYS", "windsock.*") if self.ask("TYPE", name) == b"list"]
        return {name: self.ask("LRANGE", name, 0, -1) for name in names}

    def waiting(self) -> int:
        """Return how many messages wait."""
        names = [name for name in self.ask("KEYS", "windsock.*") if self.ask("TYPE", name) == b"list"]
        return sum(self.ask("LLEN", name) for name in names)

    def calls(self, command: str) -> int:
        """Return how often the server was given a command."""
        statistics = self.ask("INFO", "commandstats")
        return int(statistics.get(f"cmdstat_{command}", {}).get("calls", 0))
