"""One owner at a time, and nobody who waits is forgotten."""

import os
import socket
from pathlib import Path

import pytest

from windsock.warm import place
from windsock.warm.door import Door


def opened(path: Path) -> Door:
    door = Door.open(path)
    assert door is not None
    return door


def knock(door: Door) -> socket.socket:
    caller = socket.socket(socket.AF_UNIX)
    caller.connect(os.fspath(door.path))
    return caller


def test_there_is_one_owner(warm_home: Path) -> None:
    path = warm_home / "a.sock"
    door = opened(path)
    assert Door.open(path) is None
    door.close()
    assert path.exists()
    opened(path).close()


def test_a_caller_is_let_in(warm_home: Path) -> None:
    door = opened(warm_home / "a.sock")
    with knock(door), door.accept() as connection:  # type: ignore[union-attr]
        assert not connection.getblocking()
    with pytest.raises(BlockingIOError):
        door.accept()
    door.close()


def test_another_user_is_turned_away(warm_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    door = opened(warm_home / "a.sock")
    monkeypatch.setattr(place, "peer_uid", lambda connection: os.geteuid() + 1)
    with knock(door) as caller:
        assert door.accept() is None
        assert caller.recv(1) == b""
    door.close()


def test_who_waits_at_a_hand_over_is_taken_along_and_a_new_owner_can_come(warm_home: Path) -> None:
    door = opened(warm_home / "a.sock")
    callers = [knock(door) for _ in range(3)]
    child_that_still_holds_the_lock = os.dup(door.lock)
    waiting = door.hand_over()
    assert len(waiting) == 3
    successor = opened(warm_home / "a.sock")
    door.close()
    assert successor.path.exists()
    for connection in (*callers, *waiting):
        connection.close()
    successor.close()
    os.close(child_that_still_holds_the_lock)
