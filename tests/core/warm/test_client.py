import os
import select
import signal
import socket
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from windsock.call import Call
from windsock.errors import SetUpFailed, TransportError
from windsock.testing.suite import is_running, wait_until
from windsock.transport import Warm, describe_end
from windsock.warm import Session, WarmProcess, client, place
from windsock.warm.frames import encode

SAMPLES = "windsock.testing.samples"


def session_pair() -> tuple[Session, socket.socket, socket.socket]:
    """A session of a child that does not exist, and the far ends of its two sockets."""
    connection, far_connection = socket.socketpair()
    channel, far_channel = socket.socketpair()
    # A process id that no system gives, so that nothing real can be hit by a signal.
    return Session(connection, channel, 2**22 + 7), far_connection, far_channel


def test_a_warm_process_that_vanishes_gives_the_child_up_and_kills_it(
    warm_process: WarmProcess, tmp_path: Path
) -> None:
    session = warm_process.open(1, 2, 2)
    pids = tmp_path / "pids"
    session.send(Call(function=f"{SAMPLES}.hang", args=(str(pids),)))
    wait_until(pids.exists)
    os.kill(place.owner(warm_process.path) or 0, signal.SIGKILL)
    wait_until(lambda: not session.read_exit())
    assert (session.abandoned, session.exit) == (True, -signal.SIGKILL)
    assert describe_end(session) == "the warm process went away"
    wait_until(lambda: not any(is_running(int(pid)) for pid in pids.read_text().split()))
    session.close()


def test_the_outcome_is_kept_when_the_exit_is_read_first() -> None:
    session, connection, channel = session_pair()
    with connection, channel:
        channel.sendall(encode({"protocol": 1, "outcome": {"value": 7}}))
        connection.sendall(encode({"exit": 0}))
        session.read_exit()
        assert session.outcome is not None
        assert (session.outcome.value, session.exit) == (7, 0)
        assert not session.read_outcome()
        session.close()


def test_nothing_there_yet_is_not_the_end() -> None:
    session, connection, channel = session_pair()
    with connection, channel:
        assert session.read_outcome()
        assert session.read_exit()
        assert (session.outcome, session.exit) == (None, None)
        session.close()


def test_an_unreadable_outcome_is_no_outcome() -> None:
    session, connection, channel = session_pair()
    with connection, channel:
        channel.sendall(b"\xff\xff\xff\xff")
        session.read_outcome()
        assert session.outcome is None
        session.close()


def test_a_call_to_a_child_that_died_is_no_error() -> None:
    session, connection, channel = session_pair()
    channel.close()
    session.send(Call(function="a.b"))
    connection.close()
    session.close()


def test_a_failed_set_up_is_told_to_every_caller(warm_process: WarmProcess) -> None:
    broken = replace(warm_process, setup=f"{SAMPLES}:broken_set_up", idle=1.0)
    for _ in range(2):
        with pytest.raises(SetUpFailed, match="the settings are broken") as caught:
            broken.open(1, 2, 2)
        assert "in broken_set_up" in caught.value.failure.traceback


def test_a_process_that_does_not_answer_is_given_up(
    warm_process: WarmProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Warm(process=warm_process).send(Call(function=f"{SAMPLES}.echo")).succeeded
    owner = place.owner(warm_process.path) or 0
    monkeypatch.setattr(client, "START_LIMIT", 0.3)
    os.kill(owner, signal.SIGSTOP)
    try:
        with pytest.raises(TransportError, match="did not answer in"):
            warm_process.open(1, 2, 2)
    finally:
        os.kill(owner, signal.SIGCONT)


def test_a_missing_folder_or_interpreter_is_said(warm_process: WarmProcess) -> None:
    for wrong in (
        replace(warm_process, python=Path("/nowhere/python")),
        replace(warm_process, directory=Path("/nowhere")),
    ):
        with pytest.raises(TransportError, match="cannot be started"):
            wrong.open(1, 2, 2)


def test_the_socket_of_another_user_is_refused(
    warm_process: WarmProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    Warm(process=warm_process).send(Call(function=f"{SAMPLES}.echo"), timeout=timedelta(seconds=20))
    monkeypatch.setattr(place, "peer_uid", lambda connection: os.geteuid() + 1)
    with pytest.raises(TransportError, match="belongs to another user's process"):
        warm_process.open(1, 2, 2)


def test_a_stale_socket_is_replaced(warm_process: WarmProcess) -> None:
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(warm_process.path))
    stale.close()
    assert Warm(process=warm_process).send(Call(function=f"{SAMPLES}.echo")).succeeded


def test_a_child_can_be_killed_from_the_first_moment_on(warm_process: WarmProcess) -> None:
    for _ in range(50):
        session = warm_process.open(1, 2, 2)
        session.signal(signal.SIGKILL)
        session.connection.settimeout(10)
        while session.exit is None:
            select.select([session.connection], [], [], 10)
            session.read_exit()
        assert session.exit == -signal.SIGKILL
        session.close()
