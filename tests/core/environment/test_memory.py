import os
import stat
from pathlib import Path

import pytest

from windsock.environment import memory
from windsock.errors import EnvironmentNotFound


def test_it_lies_below_airflows_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", "$HOME/airflow")
    assert memory.folder() == home / "airflow" / "windsock" / "environments"
    monkeypatch.setenv("AIRFLOW_HOME", "~/airflow")
    assert memory.folder() == home / "airflow" / "windsock" / "environments"


def test_it_lies_in_the_cache_of_a_user_without_airflow(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory.folder() == home / ".cache" / "windsock" / "environments"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "elsewhere"))
    assert memory.folder() == home / "elsewhere" / "windsock" / "environments"


def test_nobody_else_may_enter(home: Path) -> None:
    assert stat.S_IMODE(memory.folder().stat().st_mode) == 0o700
    assert stat.S_IMODE(memory.folder().parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("place", ["relative", "/dev/null/nowhere"])
def test_no_place_for_it_gives_advice(home: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", place)
    with pytest.raises(EnvironmentNotFound, match="set AIRFLOW_HOME or XDG_CACHE_HOME"):
        memory.folder()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    memory.write(tmp_path / "a", {"python": "/usr/bin/python3"})
    assert memory.read(tmp_path / "a") == {"python": "/usr/bin/python3"}
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff"])
def test_what_cannot_be_read_is_not_remembered(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a").write_bytes(content)
    assert memory.read(tmp_path / "a") == {}


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentNotFound, match="missing/a cannot be written"):
        memory.write(tmp_path / "missing" / "a", {})


def test_a_lock_is_let_go_in_the_end(tmp_path: Path) -> None:
    with memory.alone(tmp_path / "a"):
        pass
    with memory.alone(tmp_path / "a"):
        pass
