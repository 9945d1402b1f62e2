from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.test import override_settings

from windsock.django import compiler, orchestrator
from windsock.django.compat import task
from windsock.errors import InvalidWorkflow
from windsock.workflow import Param, Schedule, Step, Workflow

START = datetime(2026, 1, 1, tzinfo=UTC)


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
    return workflow(schedule=Schedule(cron=expressions, start=START))


def test_a_bad_cron_is_named_by_its_place() -> None:
    found = problems(cron("@daily", "61 * * * *"))

    assert list(found) == ["schedule.cron.1"]
    assert "out of range" in found["schedule.cron.1"]


def test_a_schedule_can_be_checked_alone() -> None:
    assert compiler.schedule_problems(cron("@daily", "0 6 * * *").schedule) == ()
    found = compiler.schedule_problems(Schedule(cron=("0 6 * * *", "x"), timezone="Europe/Atlantis"))

    assert [field for field, _ in found] == ["schedule.start", "schedule.timezone", "schedule.cron.1"]


def test_a_text_for_a_list_is_told_once() -> None:
    text: Any = "@daily"

    assert list(problems(workflow(schedule=Schedule(cron=text, start=START)))) == ["schedule.cron"]


def test_an_unknown_task_is_a_problem() -> None:
    assert "steps.0.task" in problems(workflow(step("a", task="shop.tasks.nothing")))


def test_the_name_of_the_bundles_own_dag_is_taken() -> None:
    assert set(problems(workflow(id=orchestrator.sentinel()))) == {"id"}


def test_a_project_with_a_queue_of_its_own_names_it_in_its_steps() -> None:
    plan = workflow(step("a"), step("b", queue="gpu"))
    assert [each.queue for each in compiler.compile_workflow(plan).steps] == ["", "gpu"]
    with override_settings(WINDSOCK={"QUEUE": "shop"}):
        assert [each.queue for each in compiler.compile_workflow(plan).steps] == ["shop", "gpu"]


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


@pytest.mark.parametrize("name", ["title", "description", "owner"])
def test_a_text_that_the_database_cannot_keep_is_a_problem(name: str) -> None:
    assert set(problems(workflow(**{name: "a\x00"}))) == {name}


def test_every_other_text_must_be_kept_too() -> None:
    odd = workflow(
        step("a", pool="\ud800", queue="\x00"),
        tags=("\x00",),
        params={"p": Param(description="\x00")},
    )

    assert set(problems(odd)) == {"tags.0", "params.p.description", "steps.0.pool", "steps.0.queue"}


def test_a_param_must_fit_its_schema() -> None:
    params = {"day": Param(default=1, schema={"type": "string"})}

    assert set(problems(workflow(params=params))) == {"params.day.default"}


def test_a_needed_param_and_a_schedule_exclude_each_other() -> None:
    needed = {"day": Param(schema={"type": "string"})}

    assert compiler.compile_workflow(workflow(params=needed))
    assert set(problems(replace(cron("@daily"), params=needed))) == {"params.day.default"}


def test_the_results_that_templates_read_are_filled_in() -> None:
    compiled = compiler.compile_workflow(workflow(step("a"), step("b", "a", args=("{{ results.a }}",))))

    assert [step.uses for step in compiled.steps] == [(), ("a",)]


def test_a_bad_template_is_named_by_its_place() -> None:
    assert set(problems(workflow(step("a", kwargs={"x": ["{{ ds"]})))) == {"steps.0.kwargs.x.0"}


def test_what_people_write_oddly_has_the_digest_of_what_the_database_gives_back() -> None:
    document = compiler.document_of(workflow(step("a", args=(1e16, -0.0, 1.5))))

    assert document["steps"][0]["args"] == [10**16, 0.0, 1.5]
    assert str(document["steps"][0]["args"][1]) == "0.0"
