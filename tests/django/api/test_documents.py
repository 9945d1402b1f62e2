from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import pytest
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer

from windsock import wire
from windsock.django.api.documents import MOST_PROBLEMS, as_sent, by_place, read
from windsock.testing import a_step, a_workflow
from windsock.workflow import Param, Retry, Schedule, Workflow

START = datetime(2026, 1, 1, tzinfo=UTC)
STEP = {"name": "a", "task": "shop.tasks.sync"}


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class Form:
    colour: Colour = Colour.RED
    ratio: float = 0.0
    more: Mapping[str, Any] = field(default_factory=dict)


def refused(kind: type, data: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        read(kind, data)
    detail: Any = caught.value.detail
    return {place: str(messages[0]) for place, messages in detail.items()}


def test_what_the_wire_writes_is_read_back() -> None:
    workflow = a_workflow(
        title="Täglich",
        steps=(
            a_step(name="a", args=(1, {"b": [None, 2.5]}), timeout=timedelta(seconds=1.5)),
            a_step(name="b", after=("a",), retry=Retry(limit=2, max_delay=timedelta(minutes=5))),
        ),
        schedule=Schedule(cron=("@daily",), start=START),
        params={"day": Param(default="mon", schema={"type": "string"})},
    )
    assert read(Workflow, wire.to_json(workflow)) == workflow


@pytest.mark.parametrize(
    ("more", "place", "message"),
    [
        ({"titel": 1}, "titel", "is not known here; did you mean title?"),
        ({"zzzzz": 1}, "zzzzz", "is not known here"),
        ({"title": None}, "title", "must not be null"),
        ({"title": 1}, "title", "expected text, not a whole number"),
        ({"max_active_runs": 1.5}, "max_active_runs", "expected a whole number, not a fraction"),
        ({"max_active_runs": True}, "max_active_runs", "expected a whole number, not true or false"),
        ({"max_active_runs": 2**31}, "max_active_runs", "must lie between"),
        ({"tags": "a"}, "tags", "expected a list, not text"),
        ({"tags": ["a", 1]}, "tags.1", "expected text"),
        ({"params": []}, "params", "expected an object, not a list"),
        ({"params": {"day": 1}}, "params.day", "expected an object"),
        ({"schedule": {"every": 1}}, "schedule.every", "did you mean every_seconds?"),
        ({"schedule": {"every_seconds": "1"}}, "schedule.every_seconds", "expected a number of seconds"),
        ({"schedule": {"every_seconds": 10**400}}, "schedule.every_seconds", "must be at most"),
        ({"schedule": {"start": "2026-01-01"}}, "schedule.start", "give a time with its zone"),
        ({"schedule": {"start": 1}}, "schedule.start", "give a time with its zone"),
        ({"schedule": {"start": "0001-01-01T00:00:00+14:00"}}, "schedule.start", "must lie in the years"),
        ({"schedule": {"once": 1}}, "schedule.once", "expected true or false"),
        ({"steps": [STEP, {"name": "b"}]}, "steps.1.task", "is missing"),
        ({"steps": [STEP | {"retry": {"limit": "3"}}]}, "steps.0.retry.limit", "expected a whole number"),
        ({"steps": [STEP | {"args": ["\x00"]}]}, "steps.0.args.0", "holds a character"),
        ({"steps": [STEP | {"kwargs": {"\ud800": 1}}]}, "steps.0.kwargs", "holds a character"),
        ({"params": {"d": {"default": {"a": ["\udfff"]}}}}, "params.d.default.a.0", "holds a character"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(more: dict[str, Any], place: str, message: str) -> None:
    told = refused(Workflow, {"id": "a", "steps": [STEP]} | more)
    assert list(told) == [place]
    assert message in told[place]


def test_json_tells_no_number_from_a_whole_one() -> None:
    workflow: Any = read(Workflow, {"id": "a", "max_active_runs": 2.0})
    assert repr(workflow.max_active_runs) == "2"


def test_all_problems_are_told_at_once() -> None:
    assert list(refused(Workflow, {"title": 1, "x": 2})) == ["x", "id", "title"]


@pytest.mark.parametrize("data", [None, [], "text", 1, 1.5, True])
def test_what_is_no_object_is_refused(data: Any) -> None:
    assert "expected an object" in refused(Workflow, data)["non_field_errors"]


def test_nobody_is_told_more_than_can_be_read() -> None:
    told = refused(Workflow, {"id": "a", **{f"x{number}": 1 for number in range(10_000)}})
    assert len(told) == MOST_PROBLEMS


def test_other_forms_are_read_too() -> None:
    assert read(Form, {"colour": "blue", "ratio": 1}) == Form(colour=Colour.BLUE, ratio=1)
    assert refused(Form, {"colour": ["blue"]}) == {"colour": "choose one of red, blue"}
    assert refused(Form, {"more": {"a": ["\x00"]}}) == {
        "more.a.0": "holds a character that the database cannot keep"
    }


def test_an_answer_can_always_be_written() -> None:
    told = by_place([("a\ud800" * 1000, "\x00" * 10_000), ("", "x"), ("", "y")])
    assert told["non_field_errors"] == ["x", "y"]
    assert len(JSONRenderer().render(told)) < 10_000


@pytest.mark.parametrize(
    ("place", "sent"),
    [
        ("steps.0.timeout", "steps.0.timeout_seconds"),
        ("steps.0.retry.delay", "steps.0.retry.delay_seconds"),
        ("steps.0.timeout_seconds", "steps.0.timeout_seconds"),
        ("schedule.every", "schedule.every_seconds"),
        ("params.timeout.default", "params.timeout.default"),
        ("steps.0.kwargs.delay.0", "steps.0.kwargs.delay.0"),
        ("nothing.at.all", "nothing.at.all"),
        ("", ""),
    ],
)
def test_a_place_is_told_by_the_names_that_were_sent(place: str, sent: str) -> None:
    assert as_sent(place) == sent
