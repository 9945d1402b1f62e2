from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from windsock.django import compiler
from windsock.django.compat import task
from windsock.errors import InvalidWorkflow
from windsock.workflow import Param, Schedule, Step, Workflow


@task
def work(*args: Any, **kwargs: Any) -> None:
    pass


WORK = work.module_path


def step(name: str, *after: str, **changes: Any) -> Step:
    return Step(**{"name": name, "task": WORK, "after": after, **changes})


def workflow(*steps: Step, **changes: Any) -> Workflow:
    return Workflow(**{"id": "w", "steps": steps or (step("a"),), **changes})


def problems(value: Workflow) -> dict[str, str]:
    with pytest.raises(InvalidWorkflow) as caught:
        compiler.compile_workflow(value)
    return dict(caught.value.problems)


def cron(*expressions: str) -> Workflow:
    return workflow(schedule=Schedule(cron=expressions, start=datetime(2026, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize(
    "expression", ["* * * * *", "*/5 0-6 1,15 * mon-fri", "0 0 L * *", "0 0 29 2 *", "@daily", "@quarterly"]
)
def test_five_fields_and_presets_are_sound(expression: str) -> None:
    assert compiler.compile_workflow(cron(expression))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("@sometimes", "five fields"),
        ("61 * * * *", "out of range"),
        ("*/0 * * * *", "not a cron expression"),
        ("a b c d e", "not a cron expression"),
        ("R R * * *", "random or hashed"),
        ("0 0 31 2 *", "never comes"),
    ],
)
def test_a_bad_cron_is_named_by_its_place(expression: str, message: str) -> None:
    found = problems(cron("@daily", expression))

    assert list(found) == ["schedule.cron.1"]
    assert message in found["schedule.cron.1"]


def test_an_unknown_task_is_a_problem() -> None:
    assert "steps.0.task" in problems(workflow(step("a", task="shop.tasks.nothing")))


def test_all_problems_are_told_at_once() -> None:
    bad = replace(cron("x"), id="not a name", title="t" * 251, owner="o" * 101, tags=("a", "t" * 101))

    assert set(problems(bad)) == {"id", "schedule.cron.0", "title", "owner", "tags.1"}


@pytest.mark.parametrize(
    "value", [UUID(int=0), datetime(2026, 1, 1, tzinfo=UTC), {1, 2}, float("nan"), object()]
)
def test_arguments_must_be_json(value: Any) -> None:
    assert set(problems(workflow(step("a", kwargs={"x": [value]})))) == {"steps.0.kwargs"}


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_text_that_the_database_cannot_keep_is_a_problem(text: str) -> None:
    found = problems(workflow(step("a", args=({text: 1},)), params={"p": Param(default=text)}))

    assert {name.removesuffix(".0") for name in found} == {"steps.0.args", "params.p.default"}


def test_uses_are_the_results_that_templates_read() -> None:
    compiled = compiler.compile_workflow(
        workflow(
            step("a"),
            step("b", "a", uses=("a",)),
            step("c", "b", args=("{{ results.b }}",), kwargs={"x": {"y": ["{{ results['a'].z }}"]}}),
        )
    )

    assert [step.uses for step in compiled.steps] == [(), (), ("a", "b")]


def test_only_results_of_earlier_steps_may_be_used() -> None:
    found = problems(
        workflow(step("a", args=("{{ results.b }}", "{{ results.a }}")), step("b"), step("c", "b"))
    )

    assert set(found) == {"steps.0.args.0", "steps.0.args.1"}
    assert found["steps.0.args.0"] == "step 'b' does not come before 'a'"


def test_a_template_may_name_only_params_that_exist() -> None:
    value = workflow(step("a", args=("{{ params.day }}{{ params.items() }}", "{{ params.hour }}")))

    assert problems(replace(value, params={"day": Param()})) == {"steps.0.args.1": "there is no param 'hour'"}


def test_a_bad_template_is_named_by_its_place() -> None:
    found = problems(workflow(step("a"), step("b", kwargs={"x": ["{{ ds", "{{ var.value.key }}"]})))

    assert set(found) == {"steps.1.kwargs.x.0", "steps.1.kwargs.x.1"}
