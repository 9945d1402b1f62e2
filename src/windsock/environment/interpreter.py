"""Interpreters that need no looking up."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from windsock.errors import EnvironmentNotFound


class Environment(Protocol):
    """A place where a project's packages are installed."""

    def python(self) -> Path:
        """Return the absolute path of the interpreter.

        Raises:
            EnvironmentNotFound: there is none; the message says what to do.
        """
        ...


@dataclass(frozen=True, slots=True)
class InProcess:
    """This very interpreter: what runs there needs no process of its own."""

    def python(self) -> Path:
        """Return the path of this process's interpreter."""
        return Path(sys.executable)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter named by its own path."""

    path: str | os.PathLike[str]

    def python(self) -> Path:
        """Return the absolute path of the interpreter.

        Raises:
            EnvironmentNotFound: there is no such file, or it may not be executed.
        """
        # A virtual environment's python is a link: following it would leave the environment.
        path = Path(os.path.abspath(os.path.expanduser(self.path)))
        if not os.path.isfile(path):
            raise EnvironmentNotFound(
                f"There is no Python interpreter at {path}; give the path of the project's own python, "
                "such as /srv/shop/.venv/bin/python."
            )
        if not os.access(path, os.X_OK):
            raise EnvironmentNotFound(
                f"{path} may not be executed by this user; check the permissions of the file."
            )
        return path


@dataclass(frozen=True, slots=True)
class Venv:
    """A virtual environment named by its folder."""

    path: str | os.PathLike[str]

    def python(self) -> Path:
        """Return the absolute path of the environment's interpreter.

        Raises:
            EnvironmentNotFound: the folder is missing or holds no environment.
        """
        folder = Path(os.path.abspath(os.path.expanduser(self.path)))
        if not os.path.isfile(folder / "pyvenv.cfg"):
            raise EnvironmentNotFound(
                f"{folder} is not a virtual environment; create it with "
                f"`python -m venv {folder}` and install the project into it."
            )
        return Interpreter(folder / "bin" / "python").python()
