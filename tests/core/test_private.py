import os
import stat
from pathlib import Path

import pytest

from windsock.errors import TransportError
from windsock.private import private_folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_private_folder_is_made_for_this_user_alone(tmp_path: Path) -> None:
    assert mode(private_folder(tmp_path / "a" / "b")) == 0o700


def test_an_open_folder_of_ours_is_closed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o755)
    assert mode(private_folder(tmp_path / "a")) == 0o700


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_no_folder_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    path.symlink_to(tmp_path) if kind == "link" else path.touch()
    with pytest.raises(TransportError, match="is not a folder of this user's"):
        private_folder(path)


def test_the_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(TransportError, match="is not a folder of this user's"):
        private_folder(tmp_path)
