"""The warm process survives whatever its callers and children do, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from windsock.call import Call
from windsock.errors import TransportError
from windsock.testing.suite import is_running, wait_until
from windsock.transport import Warm
from windsock.warm import Session, WarmProcess, place
from windsock.warm.frames import encode

SAMPLES = "windsock.testing.samples"


def ping(process: WarmProcess) -> bool:
    return Warm(process=process).send(Call(function=f"{SAMPLES}.echo")).succeeded


def opened(process: WarmProcess) -> Session:
    return process.open(1, 2, 2)


def hang(session: Session, pids: Path) -> list[int]:
    session.send(Call(function=f"{SAMPLES}.hang", args=(str(pids),)))
    wait_until(pids.exists)
    return [int(pid) for pid in pids.read_text().split()]


def assert_gone(pids: list[int]) -> None:
    wait_until(lambda: not any(map(is_running, pids)))


def owner(process: WarmProcess) -> int:
    return place.owner(process.path) or 0


def test_an_idle_one_ends_and_takes_its_socket_along(warm_process: WarmProcess) -> None:
    brief = replace(warm_process, idle=0.2)
    assert ping(brief)
    wait_until(lambda: not is_running(owner(brief)))
    assert not brief.path.exists()
    assert ping(brief)


def test_a_waiting_child_keeps_it_from_being_idle(warm_process: WarmProcess, tmp_path: Path) -> None:
    brief = replace(warm_process, idle=0.2)
    session = opened(brief)
    pids = hang(session, tmp_path / "pids")
    with pytest.raises(AssertionError):
        wait_until(lambda: not is_running(owner(brief)), seconds=0.6)
    session.close()
    assert_gone([*pids, owner(brief)])


def test_whoever_loses_the_election_goes_quietly(warm_process: WarmProcess) -> None:
    assert ping(warm_process)
    before = owner(warm_process)
    command = [sys.executable, "-m", "windsock.warm", "--socket", warm_process.path, "--setup", "a:b"]
    late = subprocess.run(command, capture_output=True, env=warm_process.environment, timeout=20, check=False)
    assert (late.returncode, late.stdout, late.stderr) == (0, b"", b"")
    assert owner(warm_process) == before
    assert ping(warm_process)


def test_it_leads_a_session_of_its_own_and_is_nobodys_child(warm_process: WarmProcess) -> None:
    assert ping(warm_process)
    assert os.getsid(owner(warm_process)) == owner(warm_process)
    with pytest.raises(ChildProcessError):
        os.waitpid(owner(warm_process), os.WNOHANG)


def test_only_this_user_may_connect(warm_process: WarmProcess) -> None:
    assert ping(warm_process)
    assert warm_process.path.stat().st_mode & 0o777 == 0o600


def test_told_to_end_it_takes_its_children_along(warm_process: WarmProcess, tmp_path: Path) -> None:
    session = opened(warm_process)
    pids = hang(session, tmp_path / "pids")
    os.kill(owner(warm_process), signal.SIGTERM)
    assert_gone([*pids, owner(warm_process)])
    assert not warm_process.path.exists()
    session.close()


def test_a_caller_that_goes_away_takes_the_whole_group_along(
    warm_process: WarmProcess, tmp_path: Path
) -> None:
    session = opened(warm_process)
    pids = hang(session, tmp_path / "pids")
    session.close()
    assert_gone(pids)
    assert ping(warm_process)


def test_a_caller_that_goes_away_at_once_leaves_no_child(warm_process: WarmProcess) -> None:
    pids = []
    for _ in range(20):
        session = opened(warm_process)
        pids.append(session.pid)
        session.close()
    assert_gone(pids)


def test_a_child_holds_nothing_of_another_callers(warm_process: WarmProcess, tmp_path: Path) -> None:
    first, second = opened(warm_process), opened(warm_process)
    later = hang(second, tmp_path / "pids")
    first.send(Call(function=f"{SAMPLES}.echo"))
    first.channel.settimeout(10)
    while first.read_outcome() and first.outcome is None:
        pass
    wait_until(lambda: first.read_exit() and first.exit is not None)
    assert (first.exit, is_running(later[0])) == (0, True)
    third = opened(warm_process)
    third.close()
    assert_gone([third.pid])
    assert is_running(later[0])
    first.close()
    second.close()
    assert_gone(later)


def garbage(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\n\r\n")


def no_descriptors(connection: socket.socket) -> None:
    connection.sendall(encode({"protocol": 1}))


def few_descriptors(connection: socket.socket) -> None:
    socket.send_fds(connection, [encode({"protocol": 1})], [1, 2])


def newer_protocol(connection: socket.socket) -> None:
    socket.send_fds(connection, [encode({"protocol": 99})], [1, 2, 1, 2])


def no_time(connection: socket.socket) -> None:
    socket.send_fds(connection, [encode({"protocol": 1, "since": "noon"})], [1, 2, 1, 2])


@pytest.mark.parametrize("greet", [garbage, no_descriptors, few_descriptors, newer_protocol, no_time])
def test_a_wrong_greeting_is_turned_away(
    warm_process: WarmProcess, greet: Callable[[socket.socket], None]
) -> None:
    assert ping(warm_process)
    before = owner(warm_process)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(warm_process.path))
        greet(connection)
        assert connection.recv(100) == b""
    assert ping(warm_process)
    assert owner(warm_process) == before


def test_a_second_greeting_ends_the_connection_and_its_child(warm_process: WarmProcess) -> None:
    session = opened(warm_process)
    session.connection.sendall(encode({"protocol": 1}))
    assert_gone([session.pid])
    session.close()
    assert ping(warm_process)


def test_threads_of_the_set_up_are_noted(warm_process: WarmProcess) -> None:
    threaded = replace(warm_process, setup=f"{SAMPLES}:leave_thread_in_set_up")
    assert ping(threaded)
    assert "the set-up left threads" in warm_process.log.read_text()


def test_what_cannot_be_started_says_why(warm_process: WarmProcess) -> None:
    with pytest.raises(TransportError, match="No module named"):
        ping(
            replace(warm_process, environment={"PYTHONPATH": "", "PYTHONSAFEPATH": "1"}, python=bare_python())
        )


def bare_python() -> Path:
    """A Python in which windsock is not installed."""
    return Path(sys.base_prefix, "bin", "python3")
