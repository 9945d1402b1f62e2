from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from windsock.errors import InvalidWorkflow
from windsock.testing import a_step, a_workflow
from windsock.workflow import Param, Retry, Schedule, Step, Workflow

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_in_order_puts_each_step_behind_what_it_comes_after() -> None:
    steps = (a_step("c", after=("b",)), a_step("a"), a_step("b", after=("a",)))
    assert [step.name for step in a_workflow(*steps).in_order()] == ["a", "b", "c"]


def test_there_is_no_order_in_a_circle() -> None:
    circle = a_workflow(a_step("a", after=("c",)), a_step("b", after=("a",)), a_step("c", after=("b",)))
    with pytest.raises(InvalidWorkflow) as caught:
        circle.in_order()
    [(field, message)] = caught.value.problems
    assert field == "steps"
    assert message.count(" -> ") == 3


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
