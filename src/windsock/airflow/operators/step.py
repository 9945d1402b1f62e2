"""The operator of compiled workflows."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException

#: The queue whose tasks go to the warm Django process, unless a step names another.
QUEUE = "windsock"


class StepOperator(BaseOperator):
    """A step of a workflow; the coordinator runs it in the Django project's own interpreter.

    It has no template fields: a step's arguments are rendered where its task runs, never by Airflow.
    """

    template_fields: Sequence[str] = ()
    ui_color = "#e3f0ec"

    def execute(self, context: Any) -> None:
        """Explain why the step got here: Airflow calls this only when no coordinator took the task.

        Raises:
            AirflowException: always.
        """
        raise AirflowException(
            f"No coordinator takes tasks of the queue {self.queue!r}. Set [sdk] coordinators to "
            '{"windsock": {"classpath": "windsock.airflow.coordinator.DjangoCoordinator", "kwargs": {...}}} '
            f'and [sdk] queue_to_coordinator to {{"{self.queue}": "windsock"}} where the executor runs.'
        )
