"""The parent, with processes that do nothing but wait."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the signal of a parent's death is Linux's")

Waiting = Callable[..., None]
SCRIPT = """
import logging, os, signal, sys, time
from functools import partial
from pathlib import Path
from windsock.django.celery.processes import Processes

folder, count, never_ready = Path(sys.argv[1]), int(sys.argv[2]), "never ready" in sys.argv

def work(number, ready):
    done = []
    signal.signal(signal.SIGTERM, lambda *_: done.append(1))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with (folder / f"started-{number}").open("a") as file:
        file.write(f"{os.getpid()}\\n")
    if never_ready:
        return 1
    ready()
    while not done or (folder / "busy").exists():
        time.sleep(0.01)
    (folder / f"ended-{number}").touch()
    return 0

def gone(pid):
    (folder / f"gone-{pid}").touch()

if "asked while it notes an end" in sys.argv:
    logger = logging.getLogger("windsock.django.celery.processes")
    logger.addFilter(lambda record: signal.raise_signal(signal.SIGTERM) or True)
Processes(work, count=count, ready=(folder / "ready").touch, gone=gone).run()
"""


@pytest.fixture
def parents(tmp_path: Path, wait_until: Waiting) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    started = []

    def start(count: int, *options: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", SCRIPT, str(tmp_path), str(count), *options]
        started.append(subprocess.Popen(command, start_new_session=True))
        if not options:
            wait_until((tmp_path / "ready").exists)
        return started[-1]

    yield start
    for parent in started:
        parent.kill()
        parent.wait()


def pids(folder: Path, number: int) -> list[int]:
    file = folder / f"started-{number}"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def lives(pid: int) -> bool:
    """Whether it runs; one that nobody has collected yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_is_ready_when_all_are_and_ends_when_all_have(
    tmp_path: Path, parents: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    parent = parents(3)
    parent.send_signal(signal.SIGTERM)

    assert parent.wait(20) == 0
    assert all((tmp_path / f"ended-{number}").exists() for number in range(3))
    assert not list(tmp_path.glob("gone-*"))


def test_one_that_dies_is_replaced_and_told(
    tmp_path: Path, parents: Callable[..., "subprocess.Popen[bytes]"], wait_until: Waiting
) -> None:
    parents(2)
    for killed in range(3):
        wait_until(lambda killed=killed: len(pids(tmp_path, 1)) == killed + 1)
        last = pids(tmp_path, 1)[-1]
        os.kill(last, signal.SIGKILL)
        wait_until((tmp_path / f"gone-{last}").exists)

    wait_until(lambda: len(pids(tmp_path, 1)) == 4)
    assert len(pids(tmp_path, 0)) == 1


def test_one_that_is_never_ready_is_not_tried_all_the_time(
    tmp_path: Path, parents: Callable[..., "subprocess.Popen[bytes]"], wait_until: Waiting
) -> None:
    parent = parents(1, "never ready")
    wait_until(lambda: len(pids(tmp_path, 0)) == 2)

    assert not (tmp_path / "ready").exists()
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(20) == 0
    assert len(pids(tmp_path, 0)) <= 3


def test_a_request_is_not_passed_on_to_one_that_has_ended(
    tmp_path: Path, parents: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    parent = parents(1, "never ready", "asked while it notes an end")

    assert parent.wait(20) == 0
    assert len(pids(tmp_path, 0)) == 1


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_second_request_does_not_wait(
    tmp_path: Path,
    parents: Callable[..., "subprocess.Popen[bytes]"],
    wait_until: Waiting,
    second: signal.Signals,
) -> None:
    (tmp_path / "busy").touch()
    parent = parents(2)
    running = [pids(tmp_path, number)[0] for number in range(2)]
    if second != signal.SIGQUIT:
        parent.send_signal(signal.SIGTERM if second == signal.SIGINT else signal.SIGINT)
    assert all(lives(pid) for pid in running)
    parent.send_signal(second)
    assert parent.wait(20) == 0
    assert not any(lives(pid) for pid in running)
    assert all((tmp_path / f"gone-{pid}").exists() for pid in running)


def test_a_parent_that_is_killed_takes_them_along(
    tmp_path: Path, parents: Callable[..., "subprocess.Popen[bytes]"], wait_until: Waiting
) -> None:
    parent = parents(2)
    parent.kill()

    wait_until(lambda: not any(lives(pids(tmp_path, number)[0]) for number in range(2)))
