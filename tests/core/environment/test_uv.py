import sys
from pathlib import Path

import pytest

from windsock.environment import Uv
from windsock.errors import EnvironmentNotFound

PYTHON = sys.executable


def make(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").touch()
    (folder / "bin" / "python").symlink_to(PYTHON)
    return folder / "bin" / "python"


def test_the_environment_is_found_without_uv(home: Path, project: Path) -> None:
    python = make(project / ".venv")
    assert Uv(project).python() == python


def test_uvs_own_setting_names_the_environment(
    home: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(project / ".venv")
    monkeypatch.setenv("UV_PROJECT_ENVIRONMENT", ".environments/production")
    assert make(project / ".environments" / "production") == Uv(project).python()
    monkeypatch.setenv("UV_PROJECT_ENVIRONMENT", str(home / "environment"))
    assert make(home / "environment") == Uv(project).python()


def test_the_active_environment_of_the_caller_is_passed_over(
    home: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(make(home / "other").parents[1]))
    assert make(project / ".venv") == Uv(project).python()


def test_it_is_installed_once_for_each_lock(
    tools: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_PROJECT_ENVIRONMENT", str(tools / "environment"))
    for _ in range(3):
        assert Uv(project, install=True).python() == tools / "environment" / "bin" / "python"
    (project / "uv.lock").write_text("# another lock\n")
    for _ in range(3):
        Uv(project, install=True).python()
    assert (tools / "calls").read_text().splitlines() == ["sync --frozen --no-progress"] * 2


def test_a_member_shares_the_environment_of_its_workspace(
    tools: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = project / "packages" / "till"
    member.mkdir(parents=True)
    (member / "pyproject.toml").touch()
    with pytest.raises(EnvironmentNotFound, match=f"no uv.lock in {member}"):
        Uv(member).python()
    (project / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    assert make(project / ".venv") == Uv(member).python()
    monkeypatch.setenv("UV_PROJECT_ENVIRONMENT", str(tools / "environment"))
    Uv(member, install=True).python()
    assert (tools / "calls").read_text().splitlines() == ["sync --frozen --no-progress --all-packages"]


def test_no_environment_yet_gives_advice(home: Path, project: Path) -> None:
    with pytest.raises(EnvironmentNotFound, match=f"run `uv sync` in {project}, or say install=True"):
        Uv(project).python()


def test_no_uv_gives_advice(home: Path, project: Path) -> None:
    with pytest.raises(EnvironmentNotFound, match=r"uv, which keeps .* install it so that it is on PATH"):
        Uv(project, install=True).python()


@pytest.mark.parametrize("name", ["pyproject.toml", "uv.lock"])
def test_what_is_no_project_of_uvs_gives_advice(home: Path, project: Path, name: str) -> None:
    (project / name).unlink()
    with pytest.raises(EnvironmentNotFound, match=f"There is no {name} in {project}"):
        Uv(project).python()
