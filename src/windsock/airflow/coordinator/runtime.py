"""The coordinator that Airflow makes from its configuration."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog
from airflow.sdk.execution_time.coordinator import BaseCoordinator

from windsock.airflow.coordinator.activity import StepProcess
from windsock.airflow.coordinator.report import Report
from windsock.airflow.plan import identity
from windsock.airflow.project import Project
from windsock.airflow.tracebacks import show
from windsock.call import describe
from windsock.errors import EnvironmentNotFound, SetUpFailed, TransportError, WindsockError
from windsock.warm import WarmProcess

if TYPE_CHECKING:
    from airflow.sdk.api.client import Client
    from airflow.sdk.api.datamodels._generated import BundleInfo, TaskInstance
    from structlog.typing import FilteringBoundLogger


class DjangoCoordinator(BaseCoordinator):
    """Runs the steps of a queue in the warm process of one Django project."""

    def __init__(self, **kwargs: Any) -> None:
        """Take the ``kwargs`` of the configuration.

        Args:
            **kwargs: what ``Project.of`` takes: ``directory``, the folder of manage.py, which is the working
                directory; ``python``, the project's interpreter, or ``environment``, what
                ``windsock.environment.from_json`` reads, such as ``{"poetry": "/srv/shop"}``; ``settings``,
                Django's settings module; ``variables``, environment variables of this project alone.

        Raises:
            WireError: the environment is none.
        """
        self._project = Project.of(**kwargs)

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
                function=f"{self._project.steps}.run",
                subprocess_logs_to_stdout=subprocess_logs_to_stdout,
            )
        except (TransportError, EnvironmentNotFound) as error:
            return self._give_up(error, what, client, task_log)
        exit_code = process.wait()
        if process.lost_because:
            end = {"reason": process.lost_because, "output": process.output()}
            self._project.tell_lost(warm, **identity(what, bundle_info), **end)
        return self.ExecutionResult(exit_code, process.final_state)

    def warm_process(self) -> WarmProcess:
        """Say how the project's warm process is reached; see ``Project.warm_process``."""
        return self._project.warm_process()

    def _give_up(
        self, error: WindsockError, ti: "TaskInstance", client: "Client", task_log: "FilteringBoundLogger"
    ) -> BaseCoordinator.ExecutionResult:
        """End a step for which no child could be had; why stands in its task log."""
        context = client.task_instances.start(ti.id, os.getpid(), datetime.now(UTC))
        failure = error.failure if isinstance(error, SetUpFailed) else replace(describe(error), traceback="")
        show(task_log, failure)
        report = Report(client=client, ti=ti, task_log=task_log)
        report.retry_or_fail(retry=bool(context.should_retry) and failure.retry, after=None)
        return self.ExecutionResult(1, report.state)
