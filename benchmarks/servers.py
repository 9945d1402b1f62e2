"""One PostgreSQL and one Valkey for all ways, with the durability of production."""

import contextlib
import dataclasses
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis

from windsock.local import broker as valkey
from windsock.local import places, postgres
from windsock.local.accounts import unprivileged
from windsock.local.process import spawn

MEASURER = "measurer"
# The commit's own time is the moment at which a record was seen to be done, for every way alike.
OPTIONS = {"track_commit_timestamp": "on", "log_line_prefix": "%a|"}
CONTROL = re.compile(r"(BEGIN|START|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|END)\b", re.IGNORECASE)
LINE = re.compile(r"^([^|]*)\|LOG:  (?:statement|execute [^:]*): \s*(.*)$")


@dataclass(slots=True)
class Servers:
    """Both servers, and what is asked of them from outside."""

    server: postgres.Server
    broker: valkey.Broker
    log: Path

    def connect(self, database: str) -> "psycopg.Connection[Any]":
        return psycopg.connect(self.server.url(database), autocommit=True, application_name=MEASURER)

    def ask(self, database: str, query: str) -> list[tuple[Any, ...]]:
        with self.connect(database) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]

    def do(self, database: str, *statements: str) -> None:
        with self.connect(database) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[arg-type]

    def empty_broker(self) -> None:
        with redis.Redis(unix_socket_path=str(self.broker.socket_file)) as client:
            client.flushall()

    def broker_pid(self) -> int:
        with redis.Redis(unix_socket_path=str(self.broker.socket_file)) as client:
            return int(client.info("server")["process_id"])

    def settings(self) -> dict[str, str]:
        """What makes the figures comparable, as the servers say it."""
        names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
        shown = {name: str(self.ask("postgres", f"SHOW {name}")[0][0]) for name in names}
        with redis.Redis(unix_socket_path=str(self.broker.socket_file), decode_responses=True) as client:
            shown["valkey_version"] = str(client.info()["valkey_version"])
            for name in ("appendonly", "appendfsync"):
                shown[name] = str(client.config_get(name)[name])
        return shown

    @contextlib.contextmanager
    def statements(self) -> Iterator[list[str]]:
        """Have the server write down each statement; they are in the list when the block has ended."""
        found: list[str] = []
        self._log_statements("all")
        start = self.log.stat().st_size
        yield found
        self._log_statements("none")
        with self.log.open(errors="replace") as log:
            log.seek(start)
            lines = [match for line in _joined(log) if (match := LINE.match(line))]
        found.extend(match[2] for match in lines if match[1] != MEASURER and not CONTROL.match(match[2]))

    def _log_statements(self, which: str) -> None:
        self.do("postgres", f"ALTER SYSTEM SET log_statement = '{which}'", "SELECT pg_reload_conf()")
        while self.ask("postgres", "SHOW log_statement")[0][0] != which:
            time.sleep(0.02)
        time.sleep(0.2)  # each backend reads the new configuration before its next statement


def _joined(log: Iterable[str]) -> Iterator[str]:
    """The log's entries; further lines of one begin with a tab."""
    entry = ""
    for line in log:
        if line.startswith("\t"):
            entry += " " + line.strip()
        else:
            yield entry
            entry = line.rstrip()
    yield entry


@contextlib.contextmanager
def running() -> Iterator[Servers]:
    """Run both while the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="windsock-bench-", dir="/var/tmp"))
    folder.chmod(0o711)
    account = unprivileged()
    cluster = postgres.server(folder / "postgres-data", places.socket_folder(folder / "run", account))
    log = folder / "postgres.log"
    cluster.prepare(log)
    command = cluster.command()
    words = tuple(word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}"))
    with log.open("ab") as output:
        process = spawn(dataclasses.replace(command, argv=(*command.argv, *words)), output)
    try:
        while not cluster.accepts():
            if process.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.05)
        with valkey.temporary(folder / "valkey") as broker:
            yield Servers(cluster, broker, log)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)
