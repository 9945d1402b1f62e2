from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from windsock.errors import InvalidWorkflow
from windsock.testing import a_step, a_workflow
from windsock.workflow import STEP_LIMIT, Param, Retry, Schedule, Step, Workflow, validate

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_sound_workflow_has_no_problems() -> None:
    assert validate(a_workflow(a_step("a"), a_step("b", after=("a",), uses=("a",)))) == ()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": "a b"}, "id"),
        ({"id": "ü"}, "id"),
        ({"id": "a" * 251}, "id"),
        ({"id": "a\n"}, "id"),
        ({"max_active_runs": 0}, "max_active_runs"),
        ({"max_active_runs": 1001}, "max_active_runs"),
        ({"params": {"not a name": Param()}}, "params.not a name"),
        ({"steps": ()}, "steps"),
        ({"schedule": Schedule(cron=("@daily",), every=timedelta(days=1), start=START)}, "schedule"),
        ({"schedule": Schedule(once=True, every=timedelta(days=1), start=START)}, "schedule"),
        ({"schedule": Schedule(every=timedelta(seconds=0.9), start=START)}, "schedule.every"),
        ({"schedule": Schedule(cron=("@daily",))}, "schedule.start"),
        ({"schedule": Schedule(once=True, start=datetime(2026, 1, 1))}, "schedule.start"),
        ({"schedule": Schedule(end=datetime(2026, 1, 1))}, "schedule.end"),
        ({"schedule": Schedule(once=True, start=START, end=START - timedelta(1))}, "schedule.end"),
        ({"schedule": Schedule(timezone="Europe/Atlantis")}, "schedule.timezone"),
        ({"schedule": Schedule(timezone="../../etc/passwd")}, "schedule.timezone"),
    ],
)
def test_a_problem_is_reported_at_its_field(changes: dict[str, Any], field: str) -> None:
    assert [where for where, _ in validate(replace(a_workflow(), **changes))] == [field]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "a b"}, "name"),
        ({"task": "sync"}, "task"),
        ({"task": "shop..sync"}, "task"),
        ({"task": "shop.tasks; import os"}, "task"),
        ({"retry": Retry(limit=-1)}, "retry.limit"),
        ({"retry": Retry(limit=101)}, "retry.limit"),
        ({"retry": Retry(delay=timedelta(seconds=-1))}, "retry.delay"),
        ({"timeout": timedelta(0)}, "timeout"),
        ({"trigger_rule": "sometimes"}, "trigger_rule"),
        ({"after": ("nobody",)}, "after"),
        ({"uses": ("nobody",)}, "uses"),
    ],
)
def test_a_problem_of_a_step_is_reported_with_its_place(changes: dict[str, Any], field: str) -> None:
    problems = validate(a_workflow(a_step("first"), replace(a_step("second"), **changes)))
    assert [where for where, _ in problems] == [f"steps.1.{field}"]


def test_a_name_used_twice_is_reported_where_it_is_repeated() -> None:
    assert validate(a_workflow(a_step("a"), a_step("a")))[0][0] == "steps.1.name"


def test_a_circle_is_named_step_by_step() -> None:
    circle = a_workflow(a_step("a", after=("c",)), a_step("b", after=("a",)), a_step("c", after=("b",)))
    [(field, message)] = validate(circle)
    assert field == "steps"
    assert message.count(" -> ") == 3
    with pytest.raises(InvalidWorkflow):
        circle.in_order()


def test_a_step_may_not_wait_for_itself() -> None:
    assert "circle" in validate(a_workflow(a_step("a", after=("a",))))[0][1]


def test_too_many_steps_are_refused() -> None:
    steps = [a_step(f"s{index}") for index in range(STEP_LIMIT + 1)]
    assert validate(a_workflow(*steps)) == (("steps", "1001 steps; the limit is 1000"),)


def test_in_order_puts_each_step_behind_what_it_comes_after() -> None:
    steps = (a_step("c", after=("b",)), a_step("a"), a_step("b", after=("a",)))
    assert [step.name for step in a_workflow(*steps).in_order()] == ["a", "b", "c"]


def test_step_finds_by_name() -> None:
    workflow = a_workflow(a_step("a"), a_step("b"))
    assert workflow.step("b").name == "b"
    with pytest.raises(KeyError):
        workflow.step("c")


@pytest.mark.parametrize(
    ("schedule", "manual"),
    [
        (Schedule(), True),
        (Schedule(start=START), True),
        (Schedule(once=True), False),
        (Schedule(cron=("@daily",)), False),
        (Schedule(every=timedelta(hours=1)), False),
    ],
)
def test_a_schedule_without_a_rhythm_is_manual(schedule: Schedule, manual: bool) -> None:
    assert schedule.is_manual is manual


@pytest.mark.parametrize(
    "value", [Retry(), Schedule(), Param(), Step(name="a", task="b.c"), Workflow(id="a")]
)
def test_values_do_not_change(value: Any) -> None:
    with pytest.raises((FrozenInstanceError, TypeError)):
        value.anything = 1
