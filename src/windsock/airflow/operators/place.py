"""Where an operator's call runs: the environment, the settings and the folder of a Django project."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

from windsock.call import Call, Outcome, describe, import_function
from windsock.environment import (
    Environment,
    InProcess,
    Interpreter,
    Poetry,
    Uv,
    Venv,
    child_variables,
    from_json,
)
from windsock.errors import EnvironmentNotFound, TransportError
from windsock.transport import Inline, Subprocess, Transport


class Connection(Protocol):
    """What a connection of type ``django`` says of the project's code."""

    @property
    def settings(self) -> str:
        """Django's settings module; empty: it does not say."""
        ...

    @property
    def directory(self) -> Path | None:
        """The folder of manage.py; None: it does not say."""
        ...

    def environment(self) -> Environment | None:
        """Return where the code runs; None: it does not say."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A Django project on this host."""

    environment: Environment | None  #: None: not said
    settings: str = ""  #: Django's settings module; empty: not said
    directory: Path | None = None  #: the folder of manage.py; None: not said

    @classmethod
    def of(cls, environment: Mapping[str, Any] | None, settings: str, directory: str) -> Self:
        """Return the place that an operator's rendered arguments name.

        Raises:
            WireError: the environment is none; the message says what is wrong with it.
        """
        return cls(
            environment=from_json(environment) if environment else None,
            settings=settings,
            directory=Path(directory).expanduser() if directory else None,
        )

    def completed(self, connection: Connection) -> Self:
        """Return this place with what it does not say taken from a connection."""
        return replace(
            self,
            environment=self.environment or connection.environment(),
            settings=self.settings or connection.settings,
            directory=self.directory or connection.directory,
        )

    def transport(self, variables: Mapping[str, str]) -> Transport:
        """Return what carries a call to this place.

        Args:
            variables: environment variables for the project.

        Raises:
            EnvironmentNotFound: there is no such place; the message says what to do.
            TransportError: there is no such folder.
        """
        if self.environment is None:
            raise EnvironmentNotFound(
                "It is not said where the project's packages are: name environment=Venv(...), Poetry(...), "
                "Uv(...) or Interpreter(...), or a connection of type django that names an environment."
            )
        directory = self._directory()
        if directory is not None and not directory.is_dir():
            raise TransportError(f"There is no folder {directory} on this host.")
        if isinstance(self.environment, InProcess):
            return Here(settings=self.settings, directory=directory, variables=variables)
        python = self.environment.python()
        named = {"DJANGO_SETTINGS_MODULE": self.settings} if self.settings else {}
        return Subprocess(
            environment=Interpreter(python),
            setup="windsock.django.calls:setup",
            directory=directory,
            variables=child_variables({**variables, **named}, python=python),
        )

    def _directory(self) -> Path | None:
        if self.directory is not None:
            return self.directory
        match self.environment:
            case Poetry(path) | Uv(path):
                return Path(path).expanduser()
            case Venv(path):
                return _beside(Path(path))
            case Interpreter(path):
                return _beside(Path(path).parent.parent)
        return None


def _beside(environment: Path) -> Path | None:
    """Return the folder in which an environment stands, if it is a project's."""
    folder = Path(os.path.abspath(environment.expanduser())).parent
    return folder if (folder / "manage.py").is_file() else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Here:
    """Runs a call in this very process, where Django and the project are installed beside Airflow."""

    settings: str
    directory: Path | None
    variables: Mapping[str, str]

    def send(self, call: Call, *, timeout: Any = None) -> Outcome:
        """Set the project up and run ``call``.

        Raises:
            EnvironmentNotFound: Django is not installed here.
        """
        os.environ.update(self.variables)
        try:
            set_up = import_function("windsock.django.calls.setup_here")
        except ModuleNotFoundError as error:
            raise EnvironmentNotFound(
                f"Airflow's own environment has no {error.name}, so the project cannot run in this process; "
                "name its environment instead of InProcess()."
            ) from None
        try:
            around = set_up(self.settings, os.fspath(self.directory or ""))
        except Exception as error:
            return Outcome(failure=describe(error))
        with around():
            return Inline().send(call, timeout=timeout)
