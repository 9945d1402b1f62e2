"""The operator of compiled workflows; each parse of a shard loads this module, so it loads little itself."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from windsock.airflow.operators.fallback import Fallback

#: The queue whose tasks go to the warm Django process, unless a step names another.
QUEUE = "windsock"


class StepOperator(BaseOperator):
    """A step of a workflow; the coordinator runs it in the Django project's own interpreter.

    It has no template fields: a step's arguments are rendered where its task runs, never by Airflow.
    """

    template_fields: Sequence[str] = ()
    ui_color = "#e3f0ec"
    _fallback: "Fallback | None" = None

    def execute(self, context: Any) -> Any:
        """Run the step from a task process of Airflow's: it gets here when no coordinator took the task.

        The same Call goes to the same warm process; only the task process and the parse of its DAG file,
        which a coordinator spares, come on top.

        Raises:
            AirflowSkipException: the task raised ``Skip``.
            AirflowFailException: it failed and forbids another try.
            AirflowException: it failed, or it is not known where the project is.
        """
        from windsock.airflow.operators.fallback import Fallback

        self._fallback = Fallback(self.queue, self.log)
        return self._fallback.run(context)

    def on_kill(self) -> None:
        """Leave the step: its process and all that it started are killed.

        Raises:
            AirflowException: it runs.
        """
        if self._fallback is not None:
            self._fallback.leave()
