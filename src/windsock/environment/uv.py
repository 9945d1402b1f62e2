"""The environment of a project that uv manages."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from windsock.environment import tool
from windsock.environment.interpreter import Venv
from windsock.environment.locked import LockedProject, resolve
from windsock.errors import EnvironmentNotFound

_WORKSPACE = b"[tool.uv.workspace]"


@dataclass(frozen=True, slots=True)
class Uv:
    """The environment that uv keeps for the project in a folder, or for the workspace that this is in."""

    path: str | os.PathLike[str]  #: the folder of pyproject.toml
    install: bool = False  #: make or refresh the environment whenever the lock has changed

    def python(self) -> Path:
        """Return the absolute path of the environment's interpreter.

        Raises:
            EnvironmentNotFound: there is none, or installing failed; the message says what to do.
        """
        project = LockedProject.at(_root(self.path), "uv.lock", "uv lock")
        # Source: uv's manual, "Project environment path".
        setting = os.environ.get("UV_PROJECT_ENVIRONMENT") or ".venv"
        keeper = _Keeper(project.folder, project.folder / setting)
        if not self.install:
            return Venv(keeper.find()).python()
        return resolve(replace(project, settings=(setting,)), keeper, install=True)


def _root(path: str | os.PathLike[str]) -> Path:
    """Return the folder of the workspace that a project is a member of, or else its own."""
    folder = Path(os.path.realpath(os.path.expanduser(path)))
    if (folder / "pyproject.toml").is_file() and not (folder / "uv.lock").is_file():
        return next(filter(_is_workspace, folder.parents), folder)
    return folder


def _is_workspace(folder: Path) -> bool:
    try:
        return (folder / "uv.lock").is_file() and _WORKSPACE in (folder / "pyproject.toml").read_bytes()
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class _Keeper:
    folder: Path
    environment: Path

    def find(self) -> Path:
        if not (self.environment / "pyvenv.cfg").is_file():
            raise EnvironmentNotFound(
                f"uv has no environment at {self.environment}: run `uv sync` in {self.folder}, or say "
                "install=True."
            )
        return self.environment

    def install(self, holding: int) -> None:
        uv = tool.find("uv")
        if uv is None:
            raise EnvironmentNotFound(
                f"uv, which keeps the environment of {self.folder}, is not found: install it so that it is "
                "on PATH (docs.astral.sh/uv/getting-started/installation)."
            )
        # A workspace has one environment for all its members; a member's own would leave the others out.
        everything = ["--all-packages"] if _is_workspace(self.folder) else []
        # As the lock says, whatever index this host has: "--locked" would compare the lock with that.
        tool.run([uv, "sync", "--frozen", "--no-progress", *everything], self.folder, holding=holding)
