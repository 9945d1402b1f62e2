"""The environment of a project that Uv manages."""

import os
from dataclasses import dataclass
from pathlib import Path

from windsock.environment.interpreter import Venv


@dataclass(frozen=True, slots=True)
class Uv:
    """The environment that Uv keeps for the project in a folder."""

    path: str | os.PathLike[str]
    install: bool = False  #: make or refresh the environment when the lock changed

    def python(self) -> Path:
        """Return the absolute path of the environment's interpreter.

        Raises:
            EnvironmentNotFound: there is none; the message says what to do.
        """
        return Venv(Path(self.path, ".venv")).python()
