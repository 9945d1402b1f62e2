"""A host of its own for each test: a home, a PATH with nothing on it, and tools that only count."""

import os
import sys
from pathlib import Path

import pytest

#: A tool that notes each call, and makes an environment by two links.
TOOL = f"""#!/bin/sh
echo "$*" >> "$HOME/calls"
[ -e "$HOME/meet" ] && {{ echo "$$" >> "$HOME/met"; while [ -e "$HOME/meet" ]; do sleep 0.01; done; }}
case "$1" in
install|sync)
    [ -e "$HOME/broken" ] && {{ seq 3000; echo "no such package: windvane" >&2; exit 4; }}
    mkdir -p "$HOME/environment/bin"
    touch "$HOME/environment/pyvenv.cfg"
    ln -sf {sys.executable} "$HOME/environment/bin/python"
    env > "$HOME/variables" ;;
env)
    [ -e "$HOME/environment" ] || exit 1
    echo "$HOME/environment" ;;
esac
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who has nothing but an empty folder for programs on PATH."""
    folder = tmp_path / "home"
    (folder / "bin").mkdir(parents=True)
    for name in list(os.environ):
        if name.startswith(("AIRFLOW", "POETRY", "UV_", "XDG_", "VIRTUAL_ENV")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("PATH", f"{folder}/bin{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr("windsock.environment.tool._FOLDERS", ())
    monkeypatch.setattr("sys.executable", str(folder / "nothing" / "python"))
    return folder


@pytest.fixture
def tools(home: Path) -> Path:
    """The same user with a Poetry and a uv; ``calls`` in the home has a line for each call."""
    for name in ("poetry", "uv"):
        (home / "bin" / name).write_text(TOOL)
        (home / "bin" / name).chmod(0o755)
    return home


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the locks of both tools."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for name in ("pyproject.toml", "poetry.lock", "uv.lock"):
        (folder / name).write_text(f"# {name}\n")
    return folder
