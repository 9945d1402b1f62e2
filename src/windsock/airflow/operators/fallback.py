"""A step that no coordinator took, run from a task process of Airflow's."""

from functools import partial
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowSkipException, AirflowTaskTimeout

from windsock.airflow.operators.calling import raise_failure
from windsock.airflow.plan import RESULT, Plan, Surroundings, identity, make_plan
from windsock.airflow.project import Project
from windsock.airflow.tracebacks import show
from windsock.call import Outcome
from windsock.errors import Lost
from windsock.transport import Warm

_LOST = f"{Lost.__module__}.{Lost.__qualname__}"


class Fallback:
    """Sends a step to the warm process to which its coordinator would have sent it, with the same Call."""

    def __init__(self, queue: str, log: Any) -> None:
        """Take the queue of the step, and the logger of its task log."""
        self._queue = queue
        self._log = log
        self._is_sent = False

    def run(self, context: Any) -> Any:
        """Run the step and return its result.

        Raises:
            AirflowSkipException: the task raised ``Skip``.
            AirflowFailException: it failed and forbids another try.
            AirflowException: it failed, or it is not known where the project is.
        """
        project = self._project()
        ti = context["ti"]
        around = Surroundings(
            run=context["dag_run"],
            max_tries=ti.max_tries,
            result_of=partial(ti.xcom_pull, key=RESULT, map_indexes=-1),
        )
        plan = make_plan(f"{project.steps}.run", ti, ti.bundle_instance, around)
        self._log.warning(
            f"No coordinator takes tasks of the queue {self._queue!r}: {plan.step.task} runs in the warm "
            f"process of {project.directory} all the same, but by way of a task process of Airflow's"
        )
        outcome = self._send(project, plan, identity(ti, ti.bundle_instance))
        if outcome.skipped:
            raise AirflowSkipException(outcome.message)
        if outcome.failure is not None:
            show(self._log, outcome.failure)
            raise_failure(outcome.failure)
        return outcome.value

    def leave(self) -> None:
        """Leave the step: its process and all that it started are killed.

        Raises:
            AirflowException: it runs.
        """
        if self._is_sent:
            self._is_sent = False
            raise AirflowException("Airflow ended the step")

    def _project(self) -> Project:
        project = Project.of_queue(self._queue)
        if project is None:
            raise AirflowException(
                f"No coordinator takes tasks of the queue {self._queue!r}. Set [sdk] coordinators to "
                '{"windsock": {"classpath": "windsock.airflow.coordinator.DjangoCoordinator", "kwargs": '
                f'{{...}}}}}} and [sdk] queue_to_coordinator to {{"{self._queue}": "windsock"}} where the '
                "executor runs; or, where there are no coordinators, [windsock] directory, environment and "
                "settings to those of the Django project."
            )
        return project

    def _send(self, project: Project, plan: Plan, who: dict[str, Any]) -> Outcome:
        warm = project.warm_process()
        try:
            self._is_sent = True
            outcome = Warm(process=warm).send(plan.call)
        except (AirflowException, AirflowTaskTimeout) as end:
            self._is_sent = False
            limit = plan.step.timeout
            is_late = isinstance(end, AirflowTaskTimeout) and limit is not None
            reason = f"time limit of {limit.total_seconds():g} s" if is_late and limit else "ended by Airflow"
            project.tell_lost(warm, **who, reason=reason)
            raise
        self._is_sent = False
        if outcome.failure is not None and outcome.failure.exception == _LOST:
            project.tell_lost(warm, **who, reason=outcome.failure.message)
        return outcome
