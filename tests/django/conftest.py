"""PostgreSQL and Valkey for the Django side's tests, and one real Celery worker."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.django.settings")
import django
from django.conf import settings

ROOT = Path(__file__).parents[2]
django.setup()

from windsock.django.celery import sending
from windsock.django.heartbeat import heartbeat
from windsock.local import broker as valkey
from windsock.local import postgres

Waiting = Callable[..., None]


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
    import redis

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


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(
    broker: valkey.Broker, postgres_server: postgres.Server, transactional_db: None, tmp_path: Path
) -> Iterator[Start]:
    """Start a process of the project on the test's database and broker, and wait until it is ready."""
    processes: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str, seconds: float = 20, **environment: str) -> "subprocess.Popen[bytes]":
        ready = tmp_path / f"ready-{len(processes)}"
        log = tmp_path / f"log-{len(processes)}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", *arguments],
                cwd=ROOT,
                env=os.environ
                | {
                    "CELERY_BROKER_URL": broker.url,
                    "PYTHONPATH": str(ROOT),
                    "WINDSOCK_READY_FILE": str(ready),
                    "WINDSOCK_TEST_DATABASE": settings.DATABASES["default"]["NAME"],
                    "WINDSOCK_TEST_POSTGRES": str(postgres_server.socket_folder),
                }
                | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        processes.append(process)
        deadline = time.monotonic() + seconds
        while not ready.exists():
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()  # noqa: PT018
            time.sleep(0.02)
        return process

    yield begin
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(timeout=20)
    for log in sorted(tmp_path.glob("log-*")):
        print(log.read_text())


WORKER = ("celery", "-A", "windsock.django.celery:app", "worker", "-c", "2", "--loglevel", "INFO")
QUIET = ("--without-gossip", "--without-mingle", "-n", "windsock@%h")


@pytest.fixture
def worker(start: Start) -> Callable[..., "subprocess.Popen[bytes]"]:
    """Start a real Celery worker with two children."""
    return lambda **environment: start(*WORKER, *QUIET, **environment)


@pytest.fixture
def relay(start: Start) -> Callable[..., "subprocess.Popen[bytes]"]:
    """Start a real relay."""
    return lambda **environment: start("django", "windsock_relay", **environment)
