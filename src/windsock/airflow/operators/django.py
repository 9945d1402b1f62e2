"""The operator that calls a function of a Django project."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from windsock.airflow.operators.calling import CallingOperator


class DjangoOperator(CallingOperator):
    """Calls a function of a Django project, or that of one of its tasks, in the project's own environment.

    Args:
        task: dotted path of the function, "shop.tasks.sync".
        args: positional arguments: JSON, or any type of ``windsock.payload``.
        kwargs: keyword arguments, likewise.
        more: what ``CallingOperator`` and Airflow's ``BaseOperator`` take.
    """

    template_fields: Sequence[str] = ("task", "op_args", "op_kwargs", *CallingOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "op_args": "py",
        "op_kwargs": "py",
        **CallingOperator.template_fields_renderers,
    }

    def __init__(
        self,
        *,
        task: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self.task = task
        # Airflow forbids a template field with the name of any parameter of its own, "kwargs" among them.
        self.op_args = args
        self.op_kwargs = {} if kwargs is None else kwargs

    def request(self, context: Any) -> tuple[str, dict[str, Any]]:
        """Ask for a call of the function."""
        return "call", {"task": self.task, **self.packed(args=self.op_args, kwargs=self.op_kwargs)}
