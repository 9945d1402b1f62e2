"""The sensor that asks Django whether something is there."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import StartTriggerArgs

from windsock.airflow.operators.deferral import CONNECTION, as_document, is_templated, needs_worker

_TRIGGER = "windsock.airflow.triggers.check.DjangoCheckTrigger"
_PATIENCE = ("silent_fail", "soft_fail", "never_fail")


class DjangoSensor(BaseSensorOperator):
    """Waits until a check of a Django project says yes, or enough rows are there.

    It waits in the triggerer, and all sensors with the same ``poke_interval`` ask in one request. What a
    check returns beside True, or the number of rows, is pushed as XCom.

    Args:
        check: registered path, "shop.checks.stock_arrived"; or else
        model: label of a registered model, "shop.Order".
        kwargs: JSON data for the check.
        filter: which rows count, ``{"status": "paid", "created_at__gte": "2026-01-01"}``.
        at_least: how many rows are enough, > 0.
        django_conn_id: of a connection of type ``django`` with the site's address and key.
        deferrable: whether it waits in the triggerer; else on a worker, in Airflow's own ``mode``.
        **options: Airflow's own: ``poke_interval``, ``timeout``, ``soft_fail`` and so on.
    """

    template_fields: Sequence[str] = ("check", "model", "op_kwargs", "filter", "django_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"op_kwargs": "py", "filter": "py"}
    ui_color = "#d9e8ef"

    def __init__(  # noqa: PLR0913 -- keyword arguments of a DAG's author
        self,
        *,
        check: str = "",
        model: str = "",
        kwargs: Mapping[str, Any] | None = None,
        filter: Mapping[str, Any] | None = None,
        at_least: int = 1,
        django_conn_id: str = CONNECTION,
        deferrable: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if bool(check) == bool(model):
            raise ValueError(f"{self.task_id}: give a check, or a model whose rows are counted")
        self.check = check
        self.model = model
        # Airflow has no template fields with the names of its own parameters, such as kwargs.
        self.op_kwargs = {} if kwargs is None else kwargs
        self.filter = {} if filter is None else filter
        self.at_least = at_least
        self.django_conn_id = django_conn_id
        self.deferrable = deferrable
        fields = [getattr(self, name) for name in self.template_fields]
        if deferrable and not (is_templated(fields) or self.on_execute_callback):
            self.start_from_trigger = True
            self.start_trigger_args = StartTriggerArgs(
                trigger_cls=_TRIGGER,
                trigger_kwargs=self._for_trigger(resumes=False),
                next_method="execute_complete",
                timeout=timedelta(seconds=self.timeout),
            )

    def execute(self, context: Any) -> Any:
        """Hand the rendered question to the triggerer, or ask here.

        Raises:
            TaskDeferred: if it is deferrable.
        """
        if not self.deferrable:
            return super().execute(context)
        # Here, since a DAG file pays for every import.
        from windsock.airflow.triggers import DjangoCheckTrigger

        self.defer(
            trigger=DjangoCheckTrigger(**self._for_trigger(resumes=needs_worker(self))),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> Any:
        """End the task on a worker, where the triggerer could not."""
        from windsock.airflow.triggers.ending import resume

        return resume(event)

    def poke(self, context: Any) -> PokeReturnValue:
        """Ask once.

        Raises:
            AirflowException: the check failed, or is not registered.
        """
        from windsock.airflow.connection import DjangoHook, SiteAway

        try:
            answer = DjangoHook(self.django_conn_id).client().ask("checks/", {"checks": [self._question()]})
        except SiteAway as error:
            self.log.warning("%s; it is asked again at the next turn", error)
            return PokeReturnValue(is_done=False)
        (result,) = answer["results"]
        if failed := result.get("error"):
            parts = (failed.get("exception"), failed.get("message"))
            raise AirflowException(": ".join(filter(None, parts)) or "The check failed")
        value = result.get("value")
        return PokeReturnValue(
            is_done=bool(result.get("met")), xcom_value=None if isinstance(value, bool) else value
        )

    def _question(self) -> dict[str, Any]:
        if self.model:
            return {"model": self.model, "filter": dict(self.filter), "at_least": self.at_least}
        return {"check": self.check, "kwargs": dict(self.op_kwargs)}

    def _for_trigger(self, *, resumes: bool) -> dict[str, Any]:
        return {
            "question": as_document(self.task_id, self._question()),
            "conn_id": self.django_conn_id,
            "period": self.poke_interval,
            "patience": [name for name in _PATIENCE if getattr(self, name)],
            "retries": self.retries,
            "push": self.do_xcom_push,
            "resumes": resumes,
        }
