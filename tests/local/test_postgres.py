import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from tests.local.conftest import until

from windsock.local import accounts, places, postgres
from windsock.local.postgres import Server
from windsock.local.process import spawn


@pytest.fixture(scope="module")
def throw_away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with postgres.temporary(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[Server]:
    """A cluster that is not made yet; root's stands where the database's account can reach it."""
    account = accounts.unprivileged()
    data = places.database_folder(tmp_path / "data", account)
    sockets = places.socket_folder(tmp_path / "run", account)
    yield postgres.server(data, sockets)
    shutil.rmtree(data.parent)
    shutil.rmtree(sockets, ignore_errors=True)


def test_a_database_is_made_once(throw_away: Server) -> None:
    throw_away.create_database("shop")
    throw_away.create_database("shop")
    with psycopg.connect(throw_away.url("shop")) as connection:
        assert connection.execute("select current_database()").fetchone() == ("shop",)


def test_text_is_utf8(throw_away: Server) -> None:
    with psycopg.connect(throw_away.url("postgres")) as connection:
        assert connection.execute("show server_encoding").fetchone() == ("UTF8",)


def test_only_the_owner_enters_the_socket_folder(throw_away: Server) -> None:
    assert throw_away.socket_folder.stat().st_mode & 0o777 == 0o700


def test_nothing_is_left_of_a_throw_away_server(tmp_path: Path) -> None:
    with postgres.temporary(tmp_path) as server:
        assert server.accepts()
    assert not server.accepts()
    assert not server.data.exists()
    assert not server.socket_folder.exists()


def test_rows_outlive_a_crash_and_a_stale_lock(durable: Server, tmp_path: Path) -> None:
    server = durable
    server.prepare(tmp_path / "initdb.log")
    process = spawn(server.command(), subprocess.DEVNULL)
    until(server.accepts)
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("create table kept as select generate_series(1, 1000)")
    family = [process.pid, *(each.pid for each in psutil.Process(process.pid).children(recursive=True))]
    for pid in family:
        # The children of a server that died may have gone by themselves.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    # The number in the lock now belongs to another program, as happens in containers.
    lock = server.data / "postmaster.pid"
    lock.write_text(lock.read_text().replace(str(process.pid), str(os.getpid()), 1))
    server.prepare(tmp_path / "initdb.log")
    again = spawn(server.command(), subprocess.DEVNULL)
    until(server.accepts)
    with psycopg.connect(server.url("postgres")) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (1000,)
    again.send_signal(signal.SIGINT)
    assert again.wait(timeout=10) == 0


def test_an_unreachable_wheel_is_copied(tmp_path: Path) -> None:
    stranger = accounts.Account(name="stranger", uid=54321, gid=54321)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    def nobody_passes(folder: Path, account: object) -> bool:
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "can_pass", nobody_passes)
        found = postgres.binaries(stranger, tmp_path)
    assert found.is_relative_to(tmp_path)
    for program in ("postgres", "initdb"):
        assert subprocess.run([found / program, "--version"], capture_output=True).returncode == 0


def test_a_folder_that_initdb_was_killed_in_is_made_again(durable: Server, tmp_path: Path) -> None:
    unfinished = durable.data.with_name("data.unfinished")
    unfinished.mkdir(parents=True)
    (unfinished / "half").touch()
    durable.prepare(tmp_path / "initdb.log")
    assert (durable.data / "PG_VERSION").exists()
    assert not (durable.data / "half").exists()
