"""The operator that has Django's own Celery workers do the work, and holds no worker of Airflow's."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.triggers.base import StartTriggerArgs

from windsock.airflow.operators.deferral import CONNECTION, as_document, is_templated, needs_worker

_TRIGGER = "windsock.airflow.triggers.task.DjangoTaskTrigger"


class DjangoTaskOperator(BaseOperator):
    """Enqueues a task of a Django project and waits for its end in the triggerer.

    Nothing of it runs on a worker, unless a template has to be rendered, the result is mapped over, or an
    asset is an outlet. Each try is one record in Django; clearing or marking the task instance cancels it.
    The result is pushed as XCom.

    Args:
        task: registered path, "shop.tasks.report".
        args: JSON data.
        kwargs: JSON data.
        django_conn_id: of a connection of type ``django`` with the site's address and key.
        queue_name: Celery's queue; None: the task's own.
        priority: -100..100; None: the task's own.
        **options: Airflow's own; ``execution_timeout`` also limits the task in Django.
    """

    template_fields: Sequence[str] = ("task", "op_args", "op_kwargs", "django_conn_id", "queue_name")
    template_fields_renderers: ClassVar[dict[str, str]] = {"op_args": "py", "op_kwargs": "py"}
    ui_color = "#d9efe4"

    def __init__(
        self,
        *,
        task: str,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        django_conn_id: str = CONNECTION,
        queue_name: str | None = None,
        priority: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.task = task
        # Airflow has no template fields with the names of its own parameters, such as kwargs.
        self.op_args = [] if args is None else args
        self.op_kwargs = {} if kwargs is None else kwargs
        self.django_conn_id = django_conn_id
        self.queue_name = queue_name
        self.priority = priority
        fields = [getattr(self, name) for name in self.template_fields]
        # A worker is needed for what only a worker does before the task runs.
        if not (is_templated(fields) or self.on_execute_callback):
            self.start_from_trigger = True
            self.start_trigger_args = StartTriggerArgs(
                trigger_cls=_TRIGGER,
                trigger_kwargs=self._for_trigger(resumes=False),
                next_method="execute_complete",
            )

    def execute(self, context: Any) -> None:
        """Hand the rendered call to the triggerer.

        Raises:
            TaskDeferred: always.
        """
        # Here, since a DAG file pays for every import.
        from windsock.airflow.triggers import DjangoTaskTrigger

        self.defer(
            trigger=DjangoTaskTrigger(**self._for_trigger(resumes=needs_worker(self))),
            method_name="execute_complete",
            timeout=self.execution_timeout,
        )

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> Any:
        """End the task on a worker, where the triggerer could not."""
        from windsock.airflow.triggers.ending import resume

        return resume(event)

    def _for_trigger(self, *, resumes: bool) -> dict[str, Any]:
        call = {"task": self.task, "args": list(self.op_args), "kwargs": dict(self.op_kwargs)}
        options = {"queue_name": self.queue_name, "priority": self.priority}
        given = {name: value for name, value in options.items() if value is not None}
        return {
            "call": as_document(self.task_id, call | given),
            "conn_id": self.django_conn_id,
            "retries": self.retries,
            "push": self.do_xcom_push,
            "resumes": resumes,
        }
