import os
import shutil
import tempfile
from pathlib import Path

import pytest

from windsock.local import places
from windsock.local.accounts import Account
from windsock.local.errors import ForeignFolder

STRANGER = Account(name="stranger", uid=54321, gid=54321)


def test_a_reachable_folder_is_kept(tmp_path: Path) -> None:
    assert places.database_folder(tmp_path / "data", None) == tmp_path / "data"


def test_data_moves_out_of_a_closed_home_and_the_home_stays_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    chosen = places.database_folder(home / "shop" / "postgres", STRANGER)
    try:
        assert not chosen.is_relative_to(tmp_path)
        assert chosen == places.database_folder(home / "shop" / "postgres", STRANGER)
        assert home.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(chosen.parent)


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(ForeignFolder):
        places.own_folder(tmp_path / "theirs")


def test_a_link_is_no_folder_of_ours(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(ForeignFolder):
        places.own_folder(tmp_path / "link")


def test_sockets_stay_where_their_path_is_short(tmp_path: Path) -> None:
    short = Path("/tmp") / f"w{os.getpid()}"
    try:
        assert places.socket_folder(short / "run", None) == short / "run"
    finally:
        shutil.rmtree(short, ignore_errors=True)


@pytest.mark.parametrize("name", ["x" * 100, "with space", "what?ever", "a&b"])
def test_sockets_move_when_their_path_is_long_or_odd(tmp_path: Path, name: str) -> None:
    moved = places.socket_folder(tmp_path / name, None)
    try:
        assert len(str(moved / "postgres" / ".s.PGSQL.5432")) <= places.LONGEST_SOCKET_PATH
        assert moved.stat().st_mode & 0o777 == 0o700
        assert places.socket_folder(tmp_path / name, None, remembered=moved) == moved
        (moved / "valkey").mkdir()
    finally:
        places.remove_sockets(moved)
    assert not moved.exists()


def test_only_what_was_made_for_sockets_is_removed_or_used_again(tmp_path: Path) -> None:
    elsewhere = tmp_path / "windsock-elsewhere"
    elsewhere.mkdir()
    other = Path(tempfile.mkdtemp(prefix="ws-", dir="/tmp"))
    link = Path("/tmp") / f"windsock-{other.name}"
    link.symlink_to(elsewhere)
    try:
        for each in (elsewhere, other, link, Path("/tmp/windsock-none")):
            places.remove_sockets(each)
            made = places.socket_folder(tmp_path / ("x" * 100), None, remembered=each)
            assert made != each
            places.remove_sockets(made)
        assert elsewhere.is_dir()
        assert other.is_dir()
    finally:
        link.unlink()
        other.rmdir()
