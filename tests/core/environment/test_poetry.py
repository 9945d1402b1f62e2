from pathlib import Path

import pytest

from windsock.environment import Poetry, memory
from windsock.errors import EnvironmentNotFound


def calls(tools: Path) -> list[str]:
    return (tools / "calls").read_text().splitlines() if (tools / "calls").exists() else []


def python_of(environment: Path) -> Path:
    return environment / "bin" / "python"


def test_poetry_is_asked_once_where_its_environment_is(tools: Path, project: Path) -> None:
    Poetry(project, install=True).python()
    (tools / "calls").unlink()
    for _ in range(3):
        assert Poetry(project).python() == python_of(tools / "environment")
    assert calls(tools) == []
    for path in memory.folder().glob("*.json"):
        path.unlink()
    assert Poetry(project).python() == python_of(tools / "environment")
    assert calls(tools) == ["env info --path"]


def test_a_setting_of_poetrys_that_chooses_the_environment_is_noticed(
    tools: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Poetry(project, install=True).python()
    (tools / "calls").unlink()
    monkeypatch.setenv("POETRY_VIRTUALENVS_PATH", "/srv/environments")
    Poetry(project).python()
    (project / "poetry.toml").write_text("[virtualenvs]\nin-project = true\n")
    Poetry(project).python()
    assert calls(tools) == ["env info --path"] * 2


def test_poetry_is_not_confused_by_the_callers_own_environment(
    tools: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/srv/airflow/.venv")
    monkeypatch.setenv("POETRY_ACTIVE", "1")
    Poetry(project, install=True).python()
    variables = (tools / "variables").read_text()
    assert "VIRTUAL_ENV=" not in variables
    assert "POETRY_ACTIVE" not in variables


def test_no_environment_yet_gives_advice(tools: Path, project: Path) -> None:
    with pytest.raises(EnvironmentNotFound, match="run `poetry install` there, or say install=True"):
        Poetry(project).python()


def test_without_poetry_the_environment_in_the_project_is_taken(home: Path, project: Path) -> None:
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "pyvenv.cfg").touch()
    python_of(project / ".venv").symlink_to("/bin/sh")
    assert Poetry(project).python() == python_of(project / ".venv")


@pytest.mark.parametrize("install", [True, False])
def test_without_poetry_and_environment_there_is_advice(home: Path, project: Path, install: bool) -> None:
    with pytest.raises(EnvironmentNotFound, match=r"install it so that it is on PATH .*install_poetry=True"):
        Poetry(project, install=install).python()


def test_a_failed_install_shows_what_poetry_said_last_and_is_tried_again(tools: Path, project: Path) -> None:
    (tools / "broken").touch()
    for _ in range(2):
        with pytest.raises(EnvironmentNotFound, match=r"exit status 4:(?s:.*)no such package: windvane$"):
            Poetry(project, install=True).python()
    (tools / "broken").unlink()
    assert Poetry(project, install=True).python() == python_of(tools / "environment")


@pytest.mark.parametrize("name", ["pyproject.toml", "poetry.lock"])
def test_what_is_no_project_of_poetrys_gives_advice(tools: Path, project: Path, name: str) -> None:
    (project / name).unlink()
    with pytest.raises(EnvironmentNotFound, match=f"There is no {name} in {project}"):
        Poetry(project, install=True).python()
    assert calls(tools) == []
