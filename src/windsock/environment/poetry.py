"""The environment of a project that Poetry manages."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from windsock.environment import pinned, tool
from windsock.environment.locked import LockedProject, resolve
from windsock.errors import EnvironmentNotFound

_OWN_FOLDERS = ("$POETRY_HOME/bin", "~/.local/share/pypoetry/venv/bin")
# They choose the environment. Source: Poetry's manual, "Configuration".
_SETTINGS = ("POETRY_VIRTUALENVS_", "POETRY_CACHE_DIR", "POETRY_CONFIG_DIR")


@dataclass(frozen=True, slots=True)
class Poetry:
    """The environment that Poetry keeps for the project in a folder."""

    path: str | os.PathLike[str]  #: the folder of pyproject.toml and poetry.lock
    install: bool = False  #: make or refresh the environment whenever the lock has changed
    install_poetry: bool = False  #: install a pinned Poetry for this user where there is none

    def python(self) -> Path:
        """Return the absolute path of the environment's interpreter.

        Raises:
            EnvironmentNotFound: there is none, or installing failed; the message says what to do.
        """
        project = LockedProject.at(self.path, "poetry.lock", "poetry lock")
        settings = (f"{name}={os.environ[name]}" for name in sorted(os.environ) if name.startswith(_SETTINGS))
        project = replace(project, files=(*project.files, "poetry.toml"), settings=tuple(settings))
        return resolve(project, _Keeper(project.folder, self.install_poetry), install=self.install)


@dataclass(frozen=True, slots=True)
class _Keeper:
    folder: Path
    install_poetry: bool

    def find(self) -> Path:
        poetry = self._poetry()
        if poetry is None:
            if (self.folder / ".venv" / "pyvenv.cfg").is_file():
                return self.folder / ".venv"
            raise self._missing()
        status, output, errors = tool.ask([*poetry, "env", "info", "--path"], self.folder)
        if status or not output.strip():
            raise EnvironmentNotFound(
                f"Poetry has no environment for {self.folder}: run `poetry install` there, or say "
                "install=True. (A project that is installed without an environment, by "
                "virtualenvs.create = false, is named by its Interpreter.)"
                f"\n{tool.tail(errors)}".rstrip()
            )
        return Path(output.strip().splitlines()[-1])

    def install(self, holding: int) -> None:
        poetry = self._poetry()
        if poetry is None:
            raise self._missing()
        tool.run([*poetry, "install", "--no-interaction", "--no-ansi"], self.folder, holding=holding)

    def _poetry(self) -> list[str] | None:
        found = tool.find("poetry", *map(os.path.expandvars, _OWN_FOLDERS))
        if found:
            return [found]
        return pinned.poetry() if self.install_poetry else None

    def _missing(self) -> EnvironmentNotFound:
        return EnvironmentNotFound(
            f"Poetry, which keeps the environment of {self.folder}, is not found: install it so that it is "
            "on PATH (python-poetry.org/docs/#installation), or say install_poetry=True."
        )
