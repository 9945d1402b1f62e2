"""PostgreSQL and Valkey for the Django side's tests, and one real Celery worker."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.django.settings")
import django
import redis
from django.conf import settings

ROOT = Path(__file__).parents[2]
django.setup()

from windsock.django.celery import sending
from windsock.django.heartbeat import heartbeat
from windsock.local import broker as valkey
from windsock.local import postgres

Process = subprocess.Popen[bytes]
Waiting = Callable[..., None]
Start = Callable[..., Process]


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Server]:
    if os.environ.get("WINDSOCK_TEST_POSTGRES"):
        pytest.fail("WINDSOCK_TEST_POSTGRES is for the processes that the tests start")
    with postgres.temporary(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres_server: postgres.Server) -> None:
    settings.DATABASES["default"]["HOST"] = str(postgres_server.socket_folder)


@pytest.fixture(scope="session")
def broker_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[valkey.Broker]:
    with valkey.temporary(tmp_path_factory.mktemp("valkey")) as server:
        os.environ["CELERY_BROKER_URL"] = server.url
        yield server
        del os.environ["CELERY_BROKER_URL"]


@pytest.fixture
def broker(broker_server: valkey.Broker, monkeypatch: pytest.MonkeyPatch) -> Iterator[valkey.Broker]:
    """A broker that answers and holds no message."""
    monkeypatch.setattr(sending, "_no_try_before", 0.0)
    ask(broker_server, "FLUSHALL")
    yield broker_server
    ask(broker_server, "FLUSHALL")


def ask(broker: valkey.Broker, *words: str) -> Any:
    """Give the broker one command."""
    with redis.Redis(unix_socket_path=str(broker.socket_file)) as client:
        return client.execute_command(*words)


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    yield
    heartbeat.stop()


@pytest.fixture
def wait_until() -> Waiting:
    """Wait for a condition with a deadline."""

    def wait(condition: Callable[[], object], *, seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.02)

    return wait


@contextmanager
def running(folder: Path, broker: valkey.Broker, *arguments: str, **environment: str) -> Iterator[Process]:
    """Run a process of the project on the test's database and broker, from ready on while the block lasts."""
    ready, log = folder / "ready", folder / "log"
    surroundings = os.environ | {
        "CELERY_BROKER_URL": broker.url,
        "PYTHONPATH": str(ROOT),
        "WINDSOCK_READY_FILE": str(ready),
        "WINDSOCK_TEST_DATABASE": settings.DATABASES["default"]["NAME"],
        "WINDSOCK_TEST_POSTGRES": settings.DATABASES["default"]["HOST"],
    }
    command = [sys.executable, "-W", "ignore", "-m", *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=surroundings | environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + 30
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(log.read_text())
            time.sleep(0.02)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)
        print(log.read_text())


WORKER = ("celery", "-A", "windsock.django.celery:app", "worker", "-c", "2", "--loglevel", "INFO")
QUIET = ("--without-gossip", "--without-mingle", "-n", "windsock@%h")


@pytest.fixture(scope="session")
def session_worker(
    tmp_path_factory: pytest.TempPathFactory, broker_server: valkey.Broker, django_db_setup: None
) -> Iterator[Process]:
    with running(tmp_path_factory.mktemp("worker"), broker_server, *WORKER, *QUIET) as process:
        yield process


@pytest.fixture
def worker(session_worker: Process, broker: valkey.Broker, transactional_db: None) -> Process:
    """A real Celery worker with two children, shared by the tests."""
    return session_worker


@pytest.fixture
def start(broker: valkey.Broker, transactional_db: None, tmp_path: Path) -> Iterator[Start]:
    """Start a process of one's own: ``start(*WORKER)``, ``start("django", "windsock_relay")``."""
    with ExitStack() as stack:

        def begin(*arguments: str, **environment: str) -> Process:
            folder = Path(tempfile.mkdtemp(dir=tmp_path))
            return stack.enter_context(running(folder, broker, *arguments, **environment))

        yield begin
