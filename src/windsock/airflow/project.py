"""Where the Django project of a queue is, and how its warm process is reached."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import structlog
from airflow.sdk.configuration import conf

from windsock.call import Call, describe
from windsock.environment import Environment, Interpreter, Poetry, Uv, child_variables, from_json
from windsock.errors import TransportError
from windsock.private import private_folder
from windsock.transport import Warm
from windsock.warm import WarmProcess
from windsock.warm.place import socket_path

log = structlog.get_logger(logger_name="windsock.coordinator")

STEPS = "windsock.django.steps"
COORDINATOR = "windsock.airflow.coordinator.DjangoCoordinator"
#: How long the record's side may take to write down that a step was lost.
_LOST_LIMIT = timedelta(seconds=20)


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """One Django project on this host."""

    directory: Path  #: the folder of manage.py
    environment: Environment
    settings: str = ""  #: Django's settings module
    steps: str = STEPS  #: module with ``setup``, ``run`` and ``lost``
    variables: Mapping[str, str] = field(default_factory=dict)  #: of its processes, besides Airflow's others

    @classmethod
    def of(
        cls,
        *,
        directory: str,
        python: str = "",
        environment: Mapping[str, Any] | None = None,
        settings: str = "",
        steps: str = STEPS,
        variables: Mapping[str, str] | None = None,
    ) -> Self:
        """Return the project that a configuration names.

        Raises:
            WireError: the environment is none; the message says what is wrong with it.
        """
        return cls(
            directory=Path(directory),
            environment=from_json(environment) if environment else Interpreter(python),
            settings=settings,
            steps=steps,
            variables=dict(variables or {}),
        )

    @classmethod
    def of_queue(cls, queue: str) -> Self | None:
        """Return the project whose steps go to a queue; None when Airflow's configuration names none.

        That is the project of the queue's coordinator, even where Airflow knows no coordinators, or else the
        one of ``[windsock] directory``, ``environment`` and ``settings``.
        """
        name = conf.getjson("sdk", "queue_to_coordinator", fallback={}).get(queue)
        entry = conf.getjson("sdk", "coordinators", fallback={}).get(name) or {}
        if entry.get("classpath") == COORDINATOR:
            return cls.of(**entry.get("kwargs", {}))
        directory = conf.get("windsock", "directory", fallback=None)
        if not directory:
            return None
        environment: Any = conf.getjson("windsock", "environment", fallback={})
        settings = conf.get("windsock", "settings", fallback=None) or ""
        return cls.of(directory=directory, environment=environment, settings=settings)

    def warm_process(self) -> WarmProcess:
        """Say how the project's warm process is reached, and started where there is none.

        Raises:
            EnvironmentNotFound: there is no such interpreter.
            TransportError: its folder is not this user's.
        """
        # Source: Airflow 3.3, ``airflow.configuration.get_airflow_home``.
        home = Path(os.path.expandvars(os.environ.get("AIRFLOW_HOME", "~/airflow"))).expanduser()
        python = self.environment.python()
        project = [str(python), os.path.abspath(self.directory), self.settings, self.steps]
        project += (f"{name}={value}" for name, value in sorted(self.variables.items()))
        return WarmProcess(
            python=python,
            path=socket_path(home, "\n".join(project)),
            setup=f"{self.steps}:setup",
            directory=self.directory,
            environment=child_variables({**self.variables, **self._named_settings()}, python=python),
            log=private_folder(home / "windsock") / "warm.log",
            watch=self._elsewhere(),
        )

    def tell_lost(self, warm: WarmProcess, **kwargs: Any) -> None:
        """Have the record of an attempt ended that died; a failure is only noted.

        Args:
            warm: the project's warm process.
            kwargs: the attempt's identity, ``reason``, and ``output``, the last part of what it wrote.
        """
        call = Call(function=f"{self.steps}.lost", kwargs=kwargs)
        try:
            failure = Warm(process=warm).send(call, timeout=_LOST_LIMIT).failure
        except TransportError as error:
            failure = describe(error)
        if failure is not None:
            told = {name: value for name, value in kwargs.items() if name != "output"}
            log.warning("The record of a lost step was not ended", error=failure.message, **told)

    def _elsewhere(self) -> tuple[Path, ...]:
        """Return the folder with the lock of the environment, where that is not the project's own."""
        lock = Path(self.environment.path) if isinstance(self.environment, Poetry | Uv) else self.directory
        return () if lock == self.directory else (lock,)

    def _named_settings(self) -> dict[str, str]:
        return {"DJANGO_SETTINGS_MODULE": self.settings} if self.settings else {}
