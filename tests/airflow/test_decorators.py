from datetime import date
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from windsock.airflow.decorators import DjangoDecoratedOperator, django_task
from windsock.airflow.operators.django import DjangoOperator
from windsock.environment import Interpreter
from windsock.testing import Recording

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "tests/airflow/operators/project"
SHOP: dict[str, Any] = {
    "environment": Interpreter(ROOT / ".venv/bin/python"),
    "settings": "shop.settings",
    "directory": PROJECT,
}


def operator_of(called: Any) -> DjangoDecoratedOperator:
    operator = called.operator
    assert isinstance(operator, DjangoDecoratedOperator)
    return operator


def run(called: Any, **context: Any) -> Any:
    return operator_of(called).execute(context)


def sent(called: Any, **context: Any) -> dict[str, Any]:
    operator = operator_of(called)
    echo = {f"windsock.django.calls.{name}": lambda **kwargs: kwargs for name in ("call", "call_source")}
    operator.transport = lambda: Recording(echo)  # type: ignore[method-assign]
    answer: dict[str, Any] = operator.execute(context)
    return answer


def test_airflow_offers_it_with_its_own_decorators() -> None:
    assert task.django is django_task


def test_a_function_runs_inside_the_project() -> None:
    @task.django(**SHOP)
    def orders_of(day: date, *, shop: int = 7) -> "dict[str, Unknown]":  # type: ignore[name-defined] # noqa: F821
        from django.apps import apps

        return [day, shop, apps.is_installed("shop")]

    assert run(orders_of(date(2026, 1, 2))) == [date(2026, 1, 2), 7, True]


def test_a_traceback_points_into_the_dag_file() -> None:
    @task.django(**SHOP)
    def boom() -> None:
        raise LookupError("no shop")  # here

    with pytest.raises(AirflowException, match="LookupError: no shop"):
        run(boom())
    source = sent(boom())
    file, first = source["place"]
    lines = Path(file).read_text().splitlines()
    assert lines[first - 1].strip() == "@task.django(**SHOP)"
    assert source["source"].splitlines()[2] == lines[first + 1]


def test_a_function_of_the_project_may_be_named_instead() -> None:
    @task.django(task="shop.tasks.sync", **SHOP)
    def sync(day: str, factor: int) -> dict[str, Any]:
        """Only says how it is called."""

    found = sent(sync("today", factor=1))
    assert (found["task"], found["args"], found["kwargs"]) == ("shop.tasks.sync", ["today"], {"factor": 1})
    with pytest.raises(TypeError, match="missing a required argument: 'factor'"):
        sync("today")


def test_context_is_passed_to_who_asks_for_it() -> None:
    @task.django(**SHOP)
    def of(shop: int, ds: str | None = None, run_id: str | None = None, params: Any = None) -> None: ...

    context = {"ds": "2026-01-02", "run_id": "r1", "params": {"a": 1}, "ti": object()}
    assert sent(of(7, run_id="mine"), **context)["kwargs"] == {
        "ds": "2026-01-02",
        "run_id": "mine",
        "params": {"a": 1},
    }
    assert sent(of(7, "given"), **context)["args"] == [7, "given"]
    assert "ds" not in sent(of(7, "given"), **context)["kwargs"]


def test_context_that_cannot_leave_airflow_is_refused() -> None:
    @task.django(**SHOP)
    def of(dag: Any = None) -> None: ...

    with pytest.raises(AirflowFailException, match=r"kwargs\.dag is a .*DAG, which JSON cannot hold"):
        run(of(), dag=DAG("shop", schedule=None))


def test_arguments_and_names_are_rendered() -> None:
    @task.django(task="{{ app }}.tasks.sync", environment={"venv": "/srv/{{ app }}"})
    def sync(day: str) -> None: ...

    operator = operator_of(sync("{{ day }}"))
    operator.render_template_fields({"app": "shop", "day": "today"})  # type: ignore[typeddict-unknown-key]
    assert (operator.task, list(operator.op_args)) == ("shop.tasks.sync", ["today"])
    assert operator.environment == {"venv": "/srv/shop"}


def test_results_depend_on_each_other_and_are_mapped() -> None:
    with DAG("shop", schedule=None) as dag:

        @task.django(task="shop.tasks.days", **SHOP)
        def days() -> list[str]: ...

        @task.django(**SHOP)
        def sync(day: str) -> str:
            return day

        @task.django(multiple_outputs=True, **SHOP)
        def both(found: Any) -> dict[str, int]:
            return {"a": 1}

        both(sync.expand(day=days()))

    assert dag.task_dict["sync"].upstream_task_ids == {"days"}
    assert dag.task_dict["both"].upstream_task_ids == {"sync"}
    one = dag.task_dict["sync"].unmap({"op_kwargs": {"day": "today"}})  # type: ignore[union-attr]
    assert one.request({})[1]["kwargs"] == {"day": "today"}


def test_it_takes_the_results_of_other_operators() -> None:
    with DAG("shop", schedule=None) as dag:

        @task.django(**SHOP)
        def show(found: Any) -> None: ...

        show(DjangoOperator(task_id="sync", task="shop.tasks.sync", **SHOP).output)

    assert dag.task_dict["show"].upstream_task_ids == {"sync"}
