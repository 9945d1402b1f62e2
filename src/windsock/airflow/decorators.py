"""``@task.django``: a function of a DAG file that runs inside a Django project, or names one of its own."""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from airflow.sdk.bases.decorator import DecoratedOperator, task_decorator_factory
from airflow.sdk.definitions.context import KNOWN_CONTEXT_KEYS

from windsock.airflow.operators.calling import CallingOperator


class DjangoDecoratedOperator(DecoratedOperator, CallingOperator):
    """Sends the source of a function to a Django project, or only its arguments.

    Args:
        task: dotted path of a function of the project, of which the decorated one only says the signature;
            by default the decorated one itself runs, without anything that stands around it in the DAG file.
        more: what ``CallingOperator`` and Airflow's ``DecoratedOperator`` take.
    """

    template_fields = (*DecoratedOperator.template_fields, "task", *CallingOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DecoratedOperator.template_fields_renderers,
        **CallingOperator.template_fields_renderers,
    }
    custom_operator_name = "@task.django"
    is_async = False  # an async function is awaited in the project

    def __init__(self, *, task: str = "", **more: Any) -> None:
        super().__init__(**more)
        self.task = task

    def request(self, context: Any) -> tuple[str, dict[str, Any]]:
        """Ask for a call of the function that ``task`` names, or of the decorated one."""
        packed = self.packed(args=list(self.op_args), kwargs=self._from(context) | dict(self.op_kwargs))
        if self.task:
            return "call", {"task": self.task, **packed}
        function = inspect.unwrap(self.python_callable)
        lines, first = inspect.getsourcelines(function)
        file = inspect.getsourcefile(function) or "<the DAG file>"
        return "call_source", {
            "source": "".join(lines),
            "place": [file, first],
            "name": function.__name__,
            **packed,
        }

    def _from(self, context: Any) -> dict[str, Any]:
        """Return the parts of Airflow's context that the function asks for and nobody gave."""
        names = list(inspect.signature(self.python_callable).parameters)[len(self.op_args) :]
        asked = KNOWN_CONTEXT_KEYS.intersection(names) - self.op_kwargs.keys()
        return {name: context.get(name) for name in sorted(asked)}


def django_task(
    python_callable: Callable[..., Any] | None = None,
    multiple_outputs: bool | None = None,
    **kwargs: Any,
) -> Any:
    """Return the decorator; Airflow offers it as ``@task.django``.

    Args:
        python_callable: the decorated function.
        multiple_outputs: whether each key of the result becomes an XCom of its own.
        kwargs: of ``DjangoDecoratedOperator``.
    """
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=multiple_outputs,
        decorated_operator_class=DjangoDecoratedOperator,
        **kwargs,
    )
