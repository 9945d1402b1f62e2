"""The sensor that asks Django whether something is there."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import StartTriggerArgs

from windsock.airflow.connection import DjangoHook, SiteAway
from windsock.airflow.operators.deferral import as_document, is_templated
from windsock.airflow.triggers import DjangoCheckTrigger
from windsock.airflow.triggers.ending import End, needs_worker, resume

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

    template_fields: Sequence[str] = ("check", "model", "kwargs", "filter", "django_conn_id")
    ui_color = "#d9e8ef"

    def __init__(  # noqa: PLR0913 -- keyword arguments of a DAG's author
        self,
        *,
        check: str = "",
        model: str = "",
        kwargs: Mapping[str, Any] | None = None,
        filter: Mapping[str, Any] | None = None,
        at_least: int = 1,
        django_conn_id: str = DjangoHook.default_conn_name,
        deferrable: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if bool(check) == bool(model):
            raise ValueError(f"{self.task_id}: give a check, or a model whose rows are counted")
        self.check = check
        self.model = model
        self.kwargs = kwargs or {}
        self.filter = filter or {}
        self.at_least = at_least
        self.django_conn_id = django_conn_id
        self.deferrable = deferrable
        fields = [getattr(self, name) for name in self.template_fields]
        if deferrable and not (is_templated(fields) or self.on_execute_callback):
            self.start_from_trigger = True
            trigger = self._trigger(resumes=False)
            self.start_trigger_args = StartTriggerArgs(
                trigger_cls=trigger.serialize()[0],
                trigger_kwargs=trigger.serialize()[1],
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
        self.defer(
            trigger=self._trigger(resumes=needs_worker(self)),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )

    def execute_complete(self, context: Any, event: End) -> Any:
        """End the task on a worker, where the triggerer could not."""
        return resume(event)

    def poke(self, context: Any) -> PokeReturnValue:
        """Ask once.

        Raises:
            AirflowException: the check failed, or is not registered.
        """
        try:
            answer = DjangoHook(self.django_conn_id).client().ask("checks/", {"checks": [self._question()]})
        except SiteAway as error:
            self.log.warning("%s; it is asked again at the next turn", error)
            return PokeReturnValue(is_done=False)
        (result,) = answer["results"]
        if error := result.get("error"):
            raise AirflowException(
                ": ".join(filter(None, (error.get("exception"), error.get("message")))) or "The check failed"
            )
        value = result.get("value")
        return PokeReturnValue(
            is_done=bool(result.get("met")), xcom_value=None if isinstance(value, bool) else value
        )

    def _question(self) -> dict[str, Any]:
        if self.model:
            return {"model": self.model, "filter": dict(self.filter), "at_least": self.at_least}
        return {"check": self.check, "kwargs": dict(self.kwargs)}

    def _trigger(self, *, resumes: bool) -> DjangoCheckTrigger:
        return DjangoCheckTrigger(
            question=as_document(self.task_id, self._question()),
            conn_id=self.django_conn_id,
            period=self.poke_interval,
            patience=[name for name in _PATIENCE if getattr(self, name)],
            retries=self.retries,
            push=self.do_xcom_push,
            resumes=resumes,
        )
