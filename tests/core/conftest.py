"""Fixtures of the core's tests: a warm process with a plain-Python set-up."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import windsock
from windsock.testing.suite import is_running, wait_until
from windsock.warm import WarmProcess, place

SOURCE = Path(windsock.__file__).parents[1]


@pytest.fixture
def warm_home() -> Iterator[Path]:
    """A short private folder: the path of a unix socket may not be long."""
    with tempfile.TemporaryDirectory(prefix="ws-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def warm_process(warm_home: Path) -> Iterator[WarmProcess]:
    """A warm process that is not started yet; stopped in the end."""
    process = WarmProcess(
        python=Path(sys.executable),
        path=warm_home / "test.sock",
        setup="windsock.testing.samples:set_up_with_hook",
        directory=warm_home,
        environment=os.environ | {"PYTHONPATH": str(SOURCE)},
        log=warm_home / "warm.log",
    )
    yield process
    stop(process)


def stop(process: WarmProcess) -> None:
    owner = place.owner(process.path)
    if owner and is_running(owner):
        os.kill(owner, signal.SIGTERM)
        wait_until(lambda: not is_running(owner))
