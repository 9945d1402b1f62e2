import sys
from pathlib import Path

import pytest

from windsock.environment import InProcess, Interpreter, Venv
from windsock.errors import EnvironmentNotFound


def test_in_process_is_this_interpreter() -> None:
    assert InProcess().python() == Path(sys.executable)


def test_an_interpreter_is_its_own_path() -> None:
    assert Interpreter(sys.executable).python() == Path(sys.executable)


def test_a_link_is_not_followed_for_it_would_leave_the_environment(tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    assert Interpreter(link).python() == link


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    assert Interpreter("python").python() == tmp_path / "python"


def test_the_home_folder_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python").symlink_to(sys.executable)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Interpreter("~/python").python() == tmp_path / "python"


@pytest.mark.parametrize("path", ["/nowhere/python", "/", "", "/" + "x" * 300])
def test_no_interpreter_gives_advice(path: str) -> None:
    with pytest.raises(EnvironmentNotFound, match="give the path of the project's own python"):
        Interpreter(path).python()


def test_a_file_that_may_not_be_executed_gives_advice(tmp_path: Path) -> None:
    (tmp_path / "python").touch(mode=0o600)
    with pytest.raises(EnvironmentNotFound, match="check the permissions"):
        Interpreter(tmp_path / "python").python()


def test_a_virtual_environment_is_named_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    assert Venv(tmp_path).python() == tmp_path / "bin" / "python"


def test_a_folder_that_is_no_environment_gives_advice(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentNotFound, match=f"python -m venv {tmp_path}"):
        Venv(tmp_path).python()
