import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.local import sleepers
from tests.local.conftest import running, until

from windsock.local import addresses, ledger, status
from windsock.local.state import State
from windsock.local.status import Phase, Status


@pytest.fixture
def stack(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, sleepers.__file__, str(tmp_path)])
    yield process
    for pid in running(str(tmp_path)):
        os.kill(pid, signal.SIGKILL)
    process.wait()


def ready(folder: Path) -> Status:
    state = State(folder / "state")
    until(lambda: status.read(state).state is Phase.READY)
    assert sockets(folder).is_dir()
    # Guard, supervisor, storage, and three that do not want to stop.
    assert len(running(str(folder))) == 5 + 1
    return status.read(state)


def sockets(folder: Path) -> Path:
    """The folder that the stack's sockets needed under /tmp."""
    return Path(State(folder / "state").read(addresses.FILE)["socket_folder"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_stop_leaves_nothing(
    stack: "subprocess.Popen[bytes]", tmp_path: Path, number: signal.Signals
) -> None:
    ready(tmp_path)
    family = [stack.pid, *(each.pid for each in ledger.descendants(stack.pid))]
    stack.send_signal(number)
    assert stack.wait(timeout=10) == 0
    assert running(str(tmp_path)) == []
    # Not even a zombie, where init is slow to collect them.
    assert not [pid for pid in family if psutil.pid_exists(pid)]
    assert status.read(State(tmp_path / "state")).state is Phase.STOPPED
    assert not sockets(tmp_path).exists()


def test_storage_stops_when_nobody_needs_it_any_more(
    stack: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    ready(tmp_path)
    stack.terminate()
    stack.wait(timeout=10)
    assert (tmp_path / "storage.stopped").read_text() == "0"


def test_a_killed_supervisor_leaves_nothing(stack: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    supervisor = ready(tmp_path).processes[1]
    os.kill(supervisor.pid, signal.SIGKILL)
    assert stack.wait(timeout=10) == 1
    assert running(str(tmp_path)) == []
    assert status.read(State(tmp_path / "state")).state is Phase.STOPPED
    assert not sockets(tmp_path).exists()


def test_a_killed_guard_leaves_nothing(stack: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    guard = ready(tmp_path).processes[0]
    assert guard.pid == stack.pid
    os.kill(guard.pid, signal.SIGKILL)
    until(lambda: not running(str(tmp_path)))
    assert (tmp_path / "storage.stopped").read_text() == "0"
    assert not sockets(tmp_path).exists()


def test_a_second_request_does_not_wait(stack: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    ready(tmp_path)
    stack.terminate()
    stack.terminate()
    assert stack.wait(timeout=10) == 0
    assert running(str(tmp_path)) == []
