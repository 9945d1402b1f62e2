"""The real Poetry and the real uv, with packages from the index that this machine's pip is configured for."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from windsock.call import Call
from windsock.environment import Environment, Poetry, Uv, child_variables, pinned
from windsock.errors import EnvironmentNotFound
from windsock.transport import Subprocess

ROOT = Path(__file__).parents[3]
PROJECT = """
[project]
name = "shop"
version = "1"
requires-python = ">=3.11"
dependencies = [{dependencies}]

[tool.poetry]
package-mode = false
"""
SOURCE = """
[[tool.poetry.source]]
name = "machine"
url = "{index}"
priority = "primary"
"""
MODULE = """
import importlib.metadata
def version():
    return importlib.metadata.version("iniconfig")
"""


@pytest.fixture(scope="module")
def poetry(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The pinned Poetry, installed by this machine's pip."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("poetry")))
        return pinned.poetry()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder, on a host that keeps all environments here."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    for name in ("VIRTUALENVS_PATH", "CACHE_DIR", "CONFIG_DIR"):
        monkeypatch.setenv(f"POETRY_{name}", str(tmp_path / "poetry" / name))
    monkeypatch.delenv("UV_PROJECT_ENVIRONMENT", raising=False)
    (tmp_path / "shop").mkdir()
    return tmp_path / "shop"


def use(monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    """Have Poetry found, as the one that was installed for this host."""
    monkeypatch.setattr(pinned, "poetry", lambda: command)
    monkeypatch.setattr("windsock.environment.tool.find", lambda *_: None)


def index(python: str) -> str:
    """The index of this machine's pip."""
    command = [python, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    settings = dict(line.partition("=")[::2] for line in listed.splitlines())
    for name in (
        ":env:.index-url",
        "install.index-url",
        "site.index-url",
        "user.index-url",
        "global.index-url",
    ):
        if name in settings:
            return settings[name].strip("'")
    return "https://pypi.org/simple"


def write(folder: Path, dependency: str, index: str = "") -> None:
    dependencies = f'"{dependency}"' if dependency else ""
    source = SOURCE.format(index=index) if index else ""
    (folder / "pyproject.toml").write_text(PROJECT.format(dependencies=dependencies) + source)
    (folder / "project.py").write_text(MODULE)


def run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, env=child_variables(), check=True, capture_output=True)


def installed_in(environment: Environment, folder: Path) -> str:
    outcome = Subprocess(environment=environment, directory=folder, variables=child_variables()).send(
        Call(function="project.version")
    )
    assert outcome.failure is None, outcome.failure
    return str(outcome.value)


@pytest.mark.full
def test_poetry(poetry: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, poetry)
    source = index(poetry[0])
    write(folder, "iniconfig==2.0.0", source)
    run([*poetry, "lock"], folder)

    # Poetry makes one to find out which Python it locks for.
    shutil.rmtree(os.environ["POETRY_VIRTUALENVS_PATH"])
    with pytest.raises(EnvironmentNotFound, match="run `poetry install` there"):
        Poetry(folder, install_poetry=True).python()
    environment = Poetry(folder, install=True, install_poetry=True)
    assert environment.python().is_relative_to(os.environ["POETRY_VIRTUALENVS_PATH"])
    assert installed_in(environment, folder) == "2.0.0"

    begun = time.perf_counter()
    assert Poetry(folder).python() == environment.python()
    assert time.perf_counter() - begun < 0.1

    write(folder, "iniconfig==2.1.0", source)
    with pytest.raises(EnvironmentNotFound, match=r"(?s)pyproject.toml changed .* `poetry lock`"):
        environment.python()
    run([*poetry, "lock"], folder)
    assert installed_in(environment, folder) == "2.1.0"

    shutil.rmtree(os.environ["POETRY_VIRTUALENVS_PATH"])
    monkeypatch.setenv("POETRY_VIRTUALENVS_IN_PROJECT", "true")
    assert environment.python() == folder / ".venv" / "bin" / "python"
    assert installed_in(Poetry(folder), folder) == "2.1.0"


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The uv that the project's own environment has, or one on PATH, with a cache of its own."""
    path = os.pathsep.join([str(ROOT / ".venv" / "bin"), os.environ["PATH"]])
    found = shutil.which("uv", path=path)
    assert found is not None
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.setenv("UV_PYTHON", sys.executable)
    return found


def test_uv(uv: str, folder: Path) -> None:
    write(folder, "")
    run([uv, "lock", "--offline"], folder)
    with pytest.raises(EnvironmentNotFound, match="run `uv sync`"):
        Uv(folder).python()
    environment = Uv(folder, install=True)
    assert environment.python() == folder / ".venv" / "bin" / "python"
    assert Subprocess(environment=Uv(folder), directory=folder).send(
        Call(function="builtins.len", args=("ab",))
    )
    # What the caller's environment has is not found there.
    with pytest.raises(AssertionError, match="PackageNotFoundError"):
        installed_in(environment, folder)


@pytest.mark.full
def test_uv_with_packages(uv: str, poetry: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", os.environ.get("UV_DEFAULT_INDEX") or index(poetry[0]))
    for version in ("2.0.0", "2.1.0"):
        write(folder, f"iniconfig=={version}")
        run([uv, "lock"], folder)
        assert installed_in(Uv(folder, install=True), folder) == version
