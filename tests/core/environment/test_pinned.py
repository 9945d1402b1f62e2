from pathlib import Path

import pytest

from windsock.environment import Poetry, memory, pinned
from windsock.errors import EnvironmentNotFound

#: As ``python -m venv`` and then the environment's own python: each notes its call, pip may be told to fail.
PYTHON = """#!/bin/sh
echo "$*" >> "$HOME/calls"
case "$2" in
venv) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
pip) [ ! -e "$HOME/offline" ] || { echo "no matching distribution" >&2; exit 1; } ;;
poetry) echo "$HOME/environment" ;;
esac
"""


@pytest.fixture
def host(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host whose Python only notes what it is asked."""
    (home / "base").write_text(PYTHON)
    (home / "base").chmod(0o755)
    monkeypatch.setattr("sys.executable", str(home / "base"))
    return home


def calls(host: Path) -> list[str]:
    return [line.partition(" ")[2].split()[0] for line in (host / "calls").read_text().splitlines()]


def test_it_is_installed_once(host: Path) -> None:
    for _ in range(3):
        command = pinned.poetry()
    folder = memory.folder() / f"poetry-{pinned.VERSION}"
    assert command == [str(folder / "bin" / "python"), "-m", "poetry"]
    assert calls(host) == ["venv", "pip"]
    assert f"poetry=={pinned.VERSION}" in (host / "calls").read_text()


def test_a_failed_install_is_told_and_tried_again_from_the_start(host: Path) -> None:
    (host / "offline").touch()
    with pytest.raises(EnvironmentNotFound, match="no matching distribution"):
        pinned.poetry()
    (host / "offline").unlink()
    pinned.poetry()
    assert calls(host) == ["venv", "pip", "venv", "pip"]


def test_one_whose_python_is_gone_is_installed_again(host: Path) -> None:
    Path(pinned.poetry()[0]).unlink()
    pinned.poetry()
    assert calls(host) == ["venv", "pip"] * 2


def test_poetry_uses_it_only_if_told_to_and_if_there_is_no_other(
    host: Path, tools: Path, project: Path
) -> None:
    Poetry(project, install=True, install_poetry=True).python()
    assert not (memory.folder() / f"poetry-{pinned.VERSION}").exists()
    (tools / "bin" / "poetry").unlink()
    (project / "poetry.lock").write_text("# another lock\n")
    assert Poetry(project, install=True, install_poetry=True).python().exists()
    assert calls(host)[-4:] == ["venv", "pip", "poetry", "poetry"]
