import os
import socket
import stat
from pathlib import Path

import pytest

from windsock.warm import place


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_one_project_has_one_socket_and_another_has_another(warm_home: Path) -> None:
    first = place.socket_path(warm_home, "shop")
    assert first == place.socket_path(warm_home, "shop")
    assert first != place.socket_path(warm_home, "bank")
    assert first.parent == warm_home / "windsock"


def test_a_long_path_gives_way_to_a_folder_that_nobody_can_guess(tmp_path: Path) -> None:
    homes = [tmp_path / name / ("x" * 100) for name in "ab"]
    paths = [place.socket_path(home, "shop") for home in homes]
    try:
        assert all(len(os.fsencode(path)) < place.SOCKET_PATH_LIMIT for path in paths)
        assert all(mode(path.parent) == 0o700 for path in paths)
        assert all(mode(home / "windsock" / "secret") == 0o600 for home in homes)
        assert paths[0].parent != paths[1].parent
        assert paths[0] == place.socket_path(homes[0], "shop")
        assert [file.name for file in (homes[0] / "windsock").iterdir()] == ["secret"]
    finally:
        for path in paths:
            path.parent.rmdir()


def test_one_holds_the_lock_until_it_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    first = place.lock(path)
    assert first is not None
    assert place.lock(path) is None
    place.note_owner(first)
    assert place.owner(path) == os.getpid()
    os.close(first)
    second = place.lock(path)
    assert second is not None
    os.close(second)


def test_without_a_lock_there_is_no_owner(tmp_path: Path) -> None:
    assert place.owner(tmp_path / "socket") is None


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "socket.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic link"):
        place.lock(tmp_path / "socket")
    assert not (tmp_path / "victim").exists()


def test_the_peer_of_a_connection_is_known() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert place.peer_uid(ours) == os.geteuid()
