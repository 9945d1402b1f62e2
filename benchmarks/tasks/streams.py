"""What open event streams cost one web process, and how fast each of them sees a change.

`.venv/bin/python benchmarks/tasks/streams.py` starts a PostgreSQL, a Valkey and a uvicorn of its own with
the example project, opens the streams and prints a table in Markdown.
"""

import argparse
import asyncio
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis

from windsock.local import broker as valkey
from windsock.local import postgres

ROOT = Path(__file__).parents[2]
PER_USER = 10
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'streams' AND pid <> ALL(%s)"


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, servers(Path(name)) as (database, broker):
        set_up_django(database, broker)
        with web_process(Path(name)) as (process, port):
            asyncio.run(Measurement(process, port, broker, options.streams, options.rounds).run())


@contextmanager
def servers(folder: Path) -> Iterator[tuple[postgres.Server, valkey.Broker]]:
    """Run a throw-away PostgreSQL with an empty database, and a Valkey."""
    with postgres.temporary(folder) as database, valkey.temporary(folder) as broker:
        database.create_database("streams")
        yield database, broker


def set_up_django(database: postgres.Server, broker: valkey.Broker) -> None:
    """Set this process up as the web process will be, and make the tables."""
    os.environ |= {
        "DATABASE_URL": database.url("streams"),
        "CELERY_BROKER_URL": broker.url,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": str(ROOT / "example"),
        "MALLOC_ARENA_MAX": "2",
    }
    sys.path.insert(0, str(ROOT / "example"))
    import django
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    call_command("migrate", verbosity=0)
    connections.close_all()


@contextmanager
def web_process(folder: Path) -> Iterator[tuple[psutil.Process, int]]:
    """Run uvicorn, one process, as ``windsock up`` does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["windsock.django.asgi:application", "--port", str(port), "--log-level", "warning"]
    command = [sys.executable, "-m", "uvicorn", *arguments, "--timeout-graceful-shutdown", "3"]
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise SystemExit((folder / "web.log").read_text()) from None
                time.sleep(0.05)
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        process.wait(timeout=30)
        print((folder / "web.log").read_text()[-2000:], file=sys.stderr)


class Client:
    """One open stream; it notes when which progress arrived."""

    def __init__(self, port: int, path: str, token: str) -> None:
        self._port, self._path, self._token = port, path, token
        self.arrived: dict[int, float] = {}
        self.begun = asyncio.Event()
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            headers = f"Host: 127.0.0.1\r\nAuthorization: Bearer {self._token}\r\n"
            writer.write(f"GET {self._path} HTTP/1.1\r\n{headers}\r\n".encode())
            first = await reader.readline()
            if b" 200 " not in first:
                raise SystemExit(f"a stream was refused: {first!r}")
            while line := await reader.readline():
                if line.startswith(b"retry:"):
                    self.begun.set()
                if line.startswith(b"data:") and (found := re.search(rb'"progress":(\d+)', line)):
                    self.arrived.setdefault(int(found[1]), time.monotonic())
        finally:
            writer.close()


class Measurement:
    """Opens the streams and watches the web process meanwhile."""

    def __init__(
        self, process: psutil.Process, port: int, broker: valkey.Broker, streams: int, rounds: int
    ) -> None:
        self.process, self.port, self.broker = process, port, broker
        self.streams, self.rounds = streams, rounds
        self.watcher = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
        self.peak = (0, 0)

    async def run(self) -> None:
        """Print all figures."""
        callers = await asyncio.to_thread(self.prepare)
        # What the first stream loads once is not a stream's cost.
        first = Client(self.port, *callers[0])
        await first.begun.wait()
        first.task.cancel()
        await asyncio.sleep(3)
        before = self.cost()
        watching = asyncio.create_task(self.watch())
        began = time.monotonic()
        clients = [Client(self.port, *caller) for caller in callers]
        await asyncio.gather(*(client.begun.wait() for client in clients))
        opened = time.monotonic() - began
        await asyncio.sleep(3)
        watching.cancel()
        after = self.cost()
        seen = [await self.change(clients, number) for number in range(1, self.rounds + 1)]
        busy = self.cost()
        with redis.Redis(unix_socket_path=str(self.broker.socket_file)) as client:
            client.shutdown(nosave=True)
        unwoken = [await self.change(clients, number) for number in range(90, 93)]
        self.table(opened, before, after, busy, seen, unwoken)
        began = time.monotonic()
        self.process.terminate()
        await asyncio.to_thread(self.process.wait, 30)
        print(f"\nIt ended {time.monotonic() - began:.1f} s after SIGTERM, with all streams open.")

    def prepare(self) -> list[tuple[str, str]]:
        """Make users with a token and a task each; return path and token of every stream."""
        from django.contrib.auth import get_user_model
        from django.db import connections

        from windsock.django.actions import tokens
        from windsock.django.models import TaskRun

        callers = []
        for number in range(-(-self.streams // PER_USER)):
            user = get_user_model().objects.create(username=f"u{number}", email=f"u{number}@example.org")
            run = TaskRun.objects.create(task="bench", name="bench", owner=user, status="PROCESSING")
            token = tokens.issue(user)
            callers += [("/api/tasks/events/", token), (f"/api/tasks/{run.pk}/events/", token)] * 5
        connections.close_all()
        return callers[: self.streams]

    def cost(self) -> dict[str, float]:
        """Return what the web process holds now."""
        ours = [self.watcher.info.backend_pid]
        row = self.watcher.execute(CONNECTIONS, (ours,)).fetchone()
        memory = self.process.memory_full_info()
        return {
            "database connections": row[0] if row else 0,
            "threads": self.process.num_threads(),
            "RSS, MB": memory.rss / 1e6,
            "PSS, MB": memory.pss / 1e6,
        }

    async def watch(self) -> None:
        """Note the most connections and threads while the streams open."""
        while True:
            cost = await asyncio.to_thread(self.cost)
            pair = int(cost["database connections"]), int(cost["threads"])
            self.peak = max(self.peak[0], pair[0]), max(self.peak[1], pair[1])
            await asyncio.sleep(0.02)

    async def change(self, clients: list[Client], progress: int) -> list[float]:
        """Change every task once; return for each stream how long it took to see it."""
        at = await asyncio.to_thread(self.write, progress)
        while not all(progress in client.arrived for client in clients):
            if time.monotonic() > at + 30:
                missing = sum(progress not in client.arrived for client in clients)
                raise SystemExit(f"{missing} streams did not see a change within 30 s")
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        return [client.arrived[progress] - at for client in clients]

    def write(self, progress: int) -> float:
        """Write and announce the progress of all tasks; return when it was committed."""
        from windsock.django.events import announce

        self.watcher.execute("UPDATE windsock_taskrun SET progress = %s, updated_at = now()", (progress,))
        at = time.monotonic()
        announce()
        return at

    def table(self, opened: float, before: Any, after: Any, busy: Any, seen: Any, unwoken: Any) -> None:
        """Print the figures."""
        print(f"{self.streams} streams of {-(-self.streams // PER_USER)} users, one uvicorn process;")
        print(f"opened all at once in {opened:.1f} s, meanwhile at most {self.peak[0]} database connections")
        print(f"and {self.peak[1]} threads.\n")
        print("| the web process | before | open | more | after changes |\n|---|---|---|---|---|")
        for name, value in before.items():
            more = after[name] - value
            print(f"| {name} | {value:.0f} | {after[name]:.0f} | {more:+.0f} | {busy[name]:.0f} |")
        print("\n| commit -> seen | p50 | p95 | max |\n|---|---|---|---|")
        print(f"| each of {self.rounds} changes, every stream | {spread(seen)} |")
        print(f"| Redis stopped, each of {len(unwoken)} changes | {spread(unwoken)} |")


def spread(rounds: list[list[float]]) -> str:
    """Return median, 95th percentile and worst of all seconds."""
    values = sorted(value for each in rounds for value in each)
    high = values[int(len(values) * 0.95)]
    return f"{statistics.median(values):.2f} s | {high:.2f} s | {values[-1]:.2f} s"


if __name__ == "__main__":
    main()
