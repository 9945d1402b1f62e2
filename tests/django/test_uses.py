from typing import Any

import pytest

from windsock.django import uses
from windsock.workflow import Param, Problem, Step, Workflow


def step(name: str, *after: str, **changes: Any) -> Step:
    return Step(**{"name": name, "task": "shop.tasks.work", "after": after, **changes})


def filled_in(*steps: Step, **params: Param) -> tuple[list[tuple[str, ...]], dict[str, str]]:
    """The uses of each step, and what is wrong."""
    problems: list[Problem] = []
    found = list(uses.filled_in(Workflow(id="w", steps=steps, params=params), problems))
    return [step.uses for step in found], dict(problems)


def test_uses_are_the_results_that_templates_read() -> None:
    found, problems = filled_in(
        step("a"),
        step("b", "a", uses=("a",)),
        step("c", "b", args=("{{ results.b }}",), kwargs={"x": {"y": ["{{ results['a'].z }}"]}}),
    )

    assert found == [(), (), ("a", "b")]
    assert not problems


def test_only_results_of_earlier_steps_may_be_used() -> None:
    _, problems = filled_in(step("a", args=("{{ results.b }}", "{{ results.a }}")), step("b"), step("c", "b"))

    assert set(problems) == {"steps.0.args.0", "steps.0.args.1"}
    assert problems["steps.0.args.0"] == "step 'b' does not come before 'a'"


def test_only_params_that_exist_may_be_named() -> None:
    _, problems = filled_in(
        step("a", args=("{{ params.day }}{{ params.items() }}", "{{ params.hour }}")), day=Param()
    )

    assert problems == {"steps.0.args.1": "there is no param 'hour'"}


@pytest.mark.parametrize(
    "name", ["ds", "logical_date", "data_interval_start", "data_interval_end", "run_id", "params", "range(3)"]
)
def test_what_a_run_is_may_be_named(name: str) -> None:
    assert not filled_in(step("a", args=(f"{{{{ {name} }}}}",)))[1]


@pytest.mark.parametrize(
    "name", ["conn.prod", "var.value.x", "ti", "task_instance", "macros.ds_add(ds, 1)", "dag_run", "lipsum()"]
)
def test_what_airflow_knows_may_not(name: str) -> None:
    _, problems = filled_in(step("a"), step("b", kwargs={"x": [f"{{{{ {name} }}}}"]}))

    assert list(problems) == ["steps.1.kwargs.x.0"]
    assert "unknown name" in problems["steps.1.kwargs.x.0"]


def test_every_bad_template_is_named_by_its_place() -> None:
    _, problems = filled_in(
        step("a"), step("b", kwargs={"x": ["{{ ds", "{{ var }}"], "y": "{% include 'x' %}"})
    )

    assert set(problems) == {"steps.1.kwargs.x.0", "steps.1.kwargs.x.1", "steps.1.kwargs.y"}
