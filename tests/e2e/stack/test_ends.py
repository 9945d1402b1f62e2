"""However the stack ends in mid-step, no process is left and the next start works."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from tests.e2e.stack.running import (
    WINDSOCK,
    client,
    copy_of_example,
    descendants,
    eventually,
    forget_data,
    windsock,
)

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = copy_of_example(tmp_path_factory.mktemp("ends"))
    yield folder
    windsock(folder, "down")
    forget_data(folder)


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """Start the stack in the foreground, as a person does, and wait until it has shown its first run."""
    log = folder / "up.log"
    with log.open("wb") as output:
        up = subprocess.Popen([WINDSOCK, "up"], cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        eventually(lambda: "Stop:" in log.read_text() or up.poll() is not None, 120)
        assert up.poll() is None, log.read_text()
        try:
            yield up, json.loads(windsock(folder, "status", "--json"))
        finally:
            up.terminate()
            up.wait(timeout=60)


@contextmanager
def held_step(status: dict[str, Any]) -> Iterator[str]:
    """Hold a table's lock, so that the last step of a run stays in its middle; yield the run's key."""
    environment = psutil.Process(status["parts"]["relay"]["pid"]).environ()
    with (
        client(status["web_url"], status["token"]) as api,
        psycopg.connect(environment["DATABASE_URL"], autocommit=False) as connection,
    ):
        connection.execute("LOCK TABLE simulator_kpireading IN ACCESS EXCLUSIVE MODE")
        run = api.post("/api/workflows/simulator_dag_1/run/", json={}).raise_for_status().json()["id"]

        def stands_in_its_middle() -> bool:
            steps = api.get(f"/api/runs/{run}/").json()["steps"]
            return any(step["task_name"] == "keep" and step["status"] == "PROCESSING" for step in steps)

        eventually(stands_in_its_middle)
        yield run
        connection.close()  # the server may be gone by now, so there is nothing to roll back


def interrupt(up: subprocess.Popen[bytes], _: dict[str, Any]) -> None:
    up.send_signal(signal.SIGINT)


def kill_the_guard(up: subprocess.Popen[bytes], _: dict[str, Any]) -> None:
    up.kill()


def kill_the_supervisor(up: subprocess.Popen[bytes], status: dict[str, Any]) -> None:
    supervisor = psutil.Process(status["parts"]["web"]["pid"]).parent()
    assert supervisor is not None
    assert supervisor.pid != up.pid
    supervisor.kill()


@pytest.mark.parametrize("end", [interrupt, kill_the_guard, kill_the_supervisor])
def test_no_process_is_left(folder: Path, end: Callable[..., None]) -> None:
    with running(folder) as (up, status), held_step(status):
        family = [psutil.Process(up.pid), *psutil.Process(up.pid).children(recursive=True)]
        assert len(family) > len(descendants(status))
        end(up, status)
        eventually(lambda: up.poll() is not None and not [each for each in family if alive(each)], 20)

    state = json.loads(windsock(folder, "status", "--json"))["state"]
    assert state in ("stopped", "failed")


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_next_start_works_and_the_cut_run_ends(folder: Path) -> None:
    with running(folder) as (_, status), client(status["web_url"], status["token"]) as api:
        everything = api.get("/api/runs/").json()["results"]
        assert len(everything) >= 3
        assert api.get("/api/workflows/simulator_dag_1/").json()["live"]
        assert windsock(folder, "manage", "check", "--database", "default").startswith("System check")
