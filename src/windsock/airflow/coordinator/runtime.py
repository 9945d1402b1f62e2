"""The coordinator that Airflow makes from its configuration."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from airflow.sdk.execution_time.coordinator import BaseCoordinator

from windsock.airflow.coordinator.activity import StepProcess
from windsock.airflow.coordinator.plan import identity
from windsock.airflow.coordinator.report import Report
from windsock.call import Call, describe
from windsock.environment import Environment, Interpreter, Venv
from windsock.errors import EnvironmentNotFound, SetUpFailed, TransportError, WindsockError
from windsock.transport import Warm
from windsock.warm import WarmProcess
from windsock.warm.place import private_folder, socket_path

if TYPE_CHECKING:
    from airflow.sdk.api.client import Client
    from airflow.sdk.api.datamodels._generated import BundleInfo, TaskInstance
    from structlog.typing import FilteringBoundLogger

log = structlog.get_logger(logger_name="windsock.coordinator")

#: How long the record's side may take to write down that a step was lost.
_LOST_LIMIT = timedelta(seconds=20)


class DjangoCoordinator(BaseCoordinator):
    """Runs the steps of a queue in the warm process of one Django project."""

    def __init__(
        self,
        *,
        directory: str,
        python: str = "",
        environment: Mapping[str, str] | None = None,
        settings: str = "",
        steps: str = "windsock.django.steps",
    ) -> None:
        """Take the ``kwargs`` of the configuration.

        Args:
            directory: working directory of the project, the folder of manage.py.
            python: the project's interpreter; or else
            environment: ``{"venv": folder}``.
            settings: Django's settings module.
            steps: module with ``setup``, ``run`` and ``lost``.
        """
        self._directory = Path(directory)
        self._environment: Environment = Venv(environment["venv"]) if environment else Interpreter(python)
        self._settings = settings
        self._steps = steps

    def execute_task(
        self,
        *,
        what: "TaskInstance",
        bundle_info: "BundleInfo",
        client: "Client",
        logger: "FilteringBoundLogger | None" = None,
        subprocess_logs_to_stdout: bool = False,
        **_: Any,
    ) -> BaseCoordinator.ExecutionResult:
        """Run one attempt of a step to its end."""
        task_log = logger or structlog.get_logger(logger_name="task").bind()
        try:
            warm = self.warm_process()
            process = StepProcess.start(
                what=what,
                bundle=bundle_info,
                client=client,
                logger=task_log,
                warm=warm,
                function=f"{self._steps}.run",
                subprocess_logs_to_stdout=subprocess_logs_to_stdout,
            )
        except (TransportError, EnvironmentNotFound) as error:
            return self._give_up(error, Report(client=client, ti=what, task_log=task_log), what, client)
        exit_code = process.wait()
        if process.lost_because:
            self._tell_lost(warm, identity(what, bundle_info) | {"reason": process.lost_because})
        return self.ExecutionResult(exit_code, process.final_state)

    def warm_process(self) -> WarmProcess:
        """Say how the project's warm process is reached, and started where there is none.

        Raises:
            EnvironmentNotFound: there is no such interpreter.
            TransportError: its folder is not this user's.
        """
        # Source: Airflow 3.3, ``airflow.configuration.get_airflow_home``.
        home = Path(os.path.expandvars(os.environ.get("AIRFLOW_HOME", "~/airflow"))).expanduser()
        python = self._environment.python()
        project = (str(python), os.path.abspath(self._directory), self._settings, self._steps)
        return WarmProcess(
            python=python,
            path=socket_path(home, "\n".join(project)),
            setup=f"{self._steps}:setup",
            directory=self._directory,
            environment=self._variables(),
            log=private_folder(home / "windsock") / "warm.log",
        )

    def _variables(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.lstrip("_").startswith("AIRFLOW")
        }
        return kept | ({"DJANGO_SETTINGS_MODULE": self._settings} if self._settings else {})

    def _give_up(
        self, error: WindsockError, report: Report, ti: "TaskInstance", client: "Client"
    ) -> BaseCoordinator.ExecutionResult:
        """End a step for which no child could be had; why stands in its task log."""
        context = client.task_instances.start(ti.id, os.getpid(), datetime.now(UTC))
        failure = error.failure if isinstance(error, SetUpFailed) else replace(describe(error), traceback="")
        report.show(failure)
        report.retry_or_fail(retry=bool(context.should_retry) and failure.retry, after=None)
        return self.ExecutionResult(1, report.state)

    def _tell_lost(self, warm: WarmProcess, kwargs: dict[str, Any]) -> None:
        """Have the record ended as well; Airflow knows already, so a failure is only noted."""
        call = Call(function=f"{self._steps}.lost", kwargs=kwargs)
        try:
            failure = Warm(process=warm).send(call, timeout=_LOST_LIMIT).failure
        except TransportError as error:
            failure = describe(error)
        if failure is not None:
            log.warning("The record of a lost step was not ended", error=failure.message, **kwargs)
