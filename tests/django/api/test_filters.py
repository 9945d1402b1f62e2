from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from windsock.django.api.filters import FILTERS, asked, filtered, text, yes_or_no
from windsock.django.models import TaskRun

pytestmark = pytest.mark.django_db


def found(**query: str) -> list[TaskRun]:
    return list(filtered(TaskRun.objects.order_by("id"), query))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "DONE"),
        ("task_name", "b"),
        ("operation", "READ"),
        ("related_table", "t"),
        ("related_id", "7"),
    ],
)
def test_a_value_is_taken_exactly(name: str, value: str) -> None:
    TaskRun.objects.create(name="a")
    wanted = TaskRun.objects.create(
        name="b", status="DONE", operation="READ", related_table="t", related_id="7"
    )

    assert found(**{name: value}) == [wanted]


def test_what_is_empty_or_no_filter_asks_for_nothing() -> None:
    run = TaskRun.objects.create(name="a")

    assert found(status="", stauts="DONE", page_size="1") == [run]


@pytest.mark.parametrize("name", FILTERS)
def test_a_value_that_cannot_be_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        found(**{name: "no\x00", "task_name": "fine"} if name != "task_name" else {name: "no\x00"})

    assert set(caught.value.detail) == {name}


def test_every_wrong_value_is_named() -> None:
    with pytest.raises(ValidationError) as caught:
        found(status="no", created_after="no")

    assert set(caught.value.detail) == {"status", "created_after"}


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-21",
        "2026-11-21T10:00:00",
        "tomorrow",
        "1763719200",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
@pytest.mark.parametrize("name", ["created_after", "updated_before"])
def test_a_time_needs_a_zone(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match="zone"):
        found(**{name: value})


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2000-01-01T00:00+23:59"])
@pytest.mark.parametrize("name", [name for name in FILTERS if name.endswith(("after", "before"))])
def test_no_time_is_too_far_away(name: str, value: str) -> None:
    TaskRun.objects.create(name="a")

    assert len(found(**{name: value})) == (("after" in name) == value.startswith(("0", "2")))


def test_ranges_begin_with_their_start_and_end_before_their_end() -> None:
    runs = [TaskRun.objects.create(name="a") for _ in range(3)]
    times = [run.created_at.isoformat() for run in runs]

    assert found(created_after=times[1]) == runs[1:]
    assert found(created_before=times[1]) == runs[:1]
    assert found(created_after=times[0], created_before=times[2]) == runs[:2]
    assert found(created_after=times[1].replace("+", " ")) == runs[1:]
    times = [run.updated_at.isoformat() for run in runs]
    assert found(updated_after=times[1]) == runs[1:]
    assert found(updated_before=times[1]) == runs[:1]


@pytest.mark.parametrize("seconds", [-30, 30])
def test_the_time_decides_where_the_key_was_made_apart_from_it(seconds: int) -> None:
    run = TaskRun.objects.create(name="a")
    at = run.created_at + timedelta(seconds=seconds)
    TaskRun.objects.update(created_at=at)

    assert found(created_after=at.isoformat()) == [run]
    assert found(created_before=at.isoformat()) == []
    assert found(created_before=(at + timedelta(microseconds=1)).isoformat()) == [run]


def test_the_key_bounds_a_range_of_creation() -> None:
    now = timezone.now().isoformat()
    plan: Any = filtered(TaskRun.objects.all(), {"created_after": now, "created_before": now})

    assert '"id" >=' in str(plan.query)
    assert '"id" <' in str(plan.query)


def test_lists_have_filters_of_their_own() -> None:
    filters = {"paused": yes_or_no, "owner": text}
    assert asked({"paused": "false", "owner": "ann", "else": "x"}, filters) == [False, "ann"]
    assert asked({"paused": "", "owner": ""}, filters) == []
    with pytest.raises(ValidationError) as caught:
        asked({"paused": "0", "owner": "\x00"}, filters)
    assert set(caught.value.detail) == {"paused", "owner"}
