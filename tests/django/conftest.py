"""PostgreSQL and Valkey for the Django side's tests, and one real Celery worker."""

# ruff: noqa: E402 -- Django is set up before its models are imported.
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.django.settings")
import django
import hypothesis
import redis
from django.conf import settings

ROOT = Path(__file__).parents[2]
django.setup()
# No test fails because the machine is busy.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")

from windsock.django.celery import sending
from windsock.django.events.announcing import announcer
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """One of Valkey's databases."""

    server: valkey.Broker
    number: int

    @property
    def url(self) -> str:
        return self.server.url.replace("virtual_host=0", f"virtual_host={self.number}")

    def ask(self, *words: str) -> Any:
        """Give one command."""
        with redis.Redis(unix_socket_path=str(self.server.socket_file), db=self.number) as client:
            return client.execute_command(*words)


@pytest.fixture(scope="session")
def broker_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[valkey.Broker]:
    with valkey.temporary(tmp_path_factory.mktemp("valkey")) as server:
        yield server


def use(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """Have this process send to an empty broker that answers."""
    monkeypatch.setenv("CELERY_BROKER_URL", broker.url)
    monkeypatch.setattr(sending, "_no_try_before", 0.0)
    broker.ask("FLUSHDB")
    return broker


@pytest.fixture
def broker(broker_server: valkey.Broker, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """A broker without a worker."""
    return use(Broker(server=broker_server, number=1), monkeypatch)


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    yield
    heartbeat.stop()
    announcer.stop()


@pytest.fixture
def wait_until() -> Waiting:
    """Wait for a condition with a deadline."""

    def wait(condition: Callable[[], object], *, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.02)

    return wait


@contextmanager
def running(folder: Path, broker: Broker, *arguments: str, **environment: str) -> Iterator[Process]:
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
        deadline = time.monotonic() + 60
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(log.read_text())
            time.sleep(0.02)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)
        print(log.read_text())


QUIET = ("--without-gossip", "--without-mingle", "--loglevel", "INFO", "-n", "windsock@%h")
WORKER = ("celery", "-A", "windsock.django.celery:app", "worker", "-c", "2", *QUIET)


@pytest.fixture(scope="session")
def session_worker(
    tmp_path_factory: pytest.TempPathFactory, broker_server: valkey.Broker, django_db_setup: None
) -> Iterator[Broker]:
    broker = Broker(server=broker_server, number=0)
    with running(tmp_path_factory.mktemp("worker"), broker, *WORKER):
        yield broker


@pytest.fixture
def worker(session_worker: Broker, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """A broker with a real Celery worker of two children, which the tests share."""
    return use(session_worker, monkeypatch)


@pytest.fixture
def start(transactional_db: None, tmp_path: Path) -> Iterator[Start]:
    """Start a process of one's own until the test ends: ``start(broker, *WORKER)``."""
    with ExitStack() as stack:

        def begin(broker: Broker, *arguments: str, **environment: str) -> Process:
            folder = Path(tempfile.mkdtemp(dir=tmp_path))
            return stack.enter_context(running(folder, broker, *arguments, **environment))

        yield begin
