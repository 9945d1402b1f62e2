from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from windsock.testing import a_step, a_workflow
from windsock.workflow import STEP_LIMIT, Param, Retry, Schedule, Workflow, validate

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
        ({"id": ".."}, "id"),
        ({"id": "windsock_sentinel"}, "id"),
        ({"id": "windsock_sentinel.shop"}, "id"),
        ({"owner": " "}, "owner"),
        ({"tags": ("a", "t" * 101)}, "tags.1"),
        ({"tags": ("",)}, "tags.0"),
        ({"tags": ("a", "b", "a")}, "tags.2"),
        ({"notify": ("ada@example.com", "ada")}, "notify.1"),
        ({"notify": ("ada@example.com\nBcc: eve@example.com",)}, "notify.0"),
        ({"notify": (f"ada@{'a' * 254}",)}, "notify.0"),
        ({"max_active_runs": 0}, "max_active_runs"),
        ({"max_active_runs": 1001}, "max_active_runs"),
        ({"params": {"not a name": Param()}}, "params.not a name"),
        ({"steps": ()}, "steps"),
        ({"schedule": Schedule(cron=("@daily",), every=timedelta(days=1), start=START)}, "schedule"),
        ({"schedule": Schedule(once=True, every=timedelta(days=1), start=START)}, "schedule"),
        ({"schedule": Schedule(every=timedelta(seconds=0.9), start=START)}, "schedule.every"),
        ({"schedule": Schedule(every=timedelta(days=3651), start=START)}, "schedule.every"),
        ({"schedule": Schedule(cron=("@daily",))}, "schedule.start"),
        ({"schedule": Schedule(cron=("@daily",), start=datetime(1, 1, 1, tzinfo=UTC))}, "schedule.start"),
        ({"schedule": Schedule(end=datetime(9999, 1, 1, tzinfo=UTC))}, "schedule.end"),
        ({"schedule": Schedule(once=True, start=datetime(2026, 1, 1))}, "schedule.start"),
        ({"schedule": Schedule(end=datetime(2026, 1, 1))}, "schedule.end"),
        ({"schedule": Schedule(once=True, start=START, end=START - timedelta(1))}, "schedule.end"),
        ({"schedule": Schedule(timezone="Europe/Atlantis")}, "schedule.timezone"),
        ({"schedule": Schedule(timezone="../../etc/passwd")}, "schedule.timezone"),
        ({"schedule": Schedule(timezone="")}, "schedule.timezone"),
        ({"schedule": Schedule(timezone="Europe")}, "schedule.timezone"),
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
        ({"retry": Retry(delay=timedelta(days=366))}, "retry.delay"),
        ({"retry": Retry(max_delay=timedelta(0))}, "retry.max_delay"),
        ({"name": "."}, "name"),
        ({"timeout": timedelta(0)}, "timeout"),
        ({"timeout": timedelta(days=366)}, "timeout"),
        ({"pool": ""}, "pool"),
        ({"pool": "p" * 257}, "pool"),
        ({"queue": "q" * 257}, "queue"),
        ({"priority": 2**31}, "priority"),
        ({"teardown": True, "after": ("first",), "trigger_rule": "one_done"}, "trigger_rule"),
        ({"trigger_rule": "sometimes"}, "trigger_rule"),
        ({"after": ("nobody",)}, "after"),
        ({"after": ("first", "first")}, "after"),
        ({"uses": ("nobody",)}, "uses"),
    ],
)
def test_a_problem_of_a_step_is_reported_with_its_place(changes: dict[str, Any], field: str) -> None:
    problems = validate(a_workflow(a_step("first"), replace(a_step("second"), **changes)))
    assert [where for where, _ in problems] == [f"steps.1.{field}"]


def test_a_name_used_twice_is_reported_where_it_is_repeated() -> None:
    assert validate(a_workflow(a_step("a"), a_step("a")))[0][0] == "steps.1.name"


def test_a_circle_is_told() -> None:
    circle = a_workflow(a_step("a", after=("c",)), a_step("b", after=("a",)), a_step("c", after=("b",)))
    assert [field for field, _ in validate(circle)] == ["steps"]
    assert "circle" in validate(a_workflow(a_step("a", after=("a",))))[0][1]


def test_too_many_steps_are_refused() -> None:
    steps = [a_step(f"s{index}") for index in range(STEP_LIMIT + 1)]
    assert validate(a_workflow(*steps)) == (("steps", "1001 steps; the limit is 1000"),)
    assert validate(a_workflow(*steps[:-1])) == ()


def test_a_teardown_cleans_up_behind_something() -> None:
    work, cleaning = a_step("work"), a_step("clean", teardown=True, after=("work",))
    assert validate(a_workflow(work, cleaning)) == ()
    assert validate(a_workflow(work, replace(cleaning, after=())))[0][0] == "steps.1.after"
    assert [field for field, _ in validate(a_workflow(replace(work, teardown=True)))] == [
        "steps",
        "steps.0.after",
    ]


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (a_workflow(schedule=Schedule(cron="@daily", start=START)), "schedule.cron"),  # type: ignore[arg-type]
        (a_workflow(tags="shop"), "tags"),
        (a_workflow(notify="ada@example.com"), "notify"),
        (a_workflow(a_step("a"), a_step("b", after="a")), "steps.1.after"),
        (a_workflow(a_step("a", args="a")), "steps.0.args"),
    ],
)
def test_a_text_in_place_of_a_tuple_is_told_as_such(value: Workflow, field: str) -> None:
    [(where, message)] = validate(value)
    assert where == field
    assert "write a list of it" in message
