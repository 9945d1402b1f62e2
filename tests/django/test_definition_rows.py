from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.django.plans import a_line, a_plan

from windsock.django.definition_rows import (
    FIELDS,
    STEP_FIELDS,
    column_problems,
    field_of,
    rows_of,
    schedule_of,
    tidy,
    value_of,
)
from windsock.django.models import WorkflowDefinition
from windsock.errors import InvalidWorkflow
from windsock.workflow import TRIGGER_RULES, Param, Retry, Schedule, Workflow

names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
json_data = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
durations = st.integers(1, 10**6).map(lambda seconds: timedelta(seconds=seconds))
moments = st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)
rhythms = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"cron": st.lists(st.sampled_from(["@daily", "30 6 * * 1-5"])).map(tuple)}),
    st.fixed_dictionaries({"every": durations}),
    st.just({"once": True}),
)
schedules = st.builds(
    lambda rhythm, **others: Schedule(**rhythm, **others),
    rhythms,
    start=moments,
    end=st.none(),
    timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
    catchup=st.booleans(),
)
retries = st.builds(
    Retry,
    limit=st.integers(0, 100),
    delay=durations,
    backoff=st.booleans(),
    max_delay=st.none() | durations,
)
steps = st.builds(
    a_line,
    names,
    args=st.lists(json_data, max_size=3).map(tuple),
    kwargs=st.dictionaries(names, json_data, max_size=3),
    retry=retries,
    timeout=st.none() | durations,
    trigger_rule=st.sampled_from(sorted(TRIGGER_RULES)),
    pool=names,
    priority=st.integers(-(2**31), 2**31 - 1),
    queue=st.just("") | names,
    depends_on_past=st.booleans(),
    group=st.just("") | names,
)
params = st.dictionaries(
    names,
    st.builds(Param, default=json_data, schema=st.just({}) | st.just({"title": "x"}), description=texts),
    max_size=3,
)
#: Sound apart from what their steps would have to know of each other.
workflows = st.builds(
    Workflow,
    id=names,
    title=texts,
    steps=st.lists(steps, min_size=1, max_size=4, unique_by=lambda step: step.name).map(
        lambda found: tuple(
            replace(step, after=tuple(other.name for other in found[:index]))
            for index, step in enumerate(found)
        )
    ),
    schedule=schedules,
    params=params,
    max_active_runs=st.integers(1, 1000),
    owner=names,
    tags=st.lists(names, max_size=3, unique=True).map(tuple),
    description=texts,
    notify=st.lists(names.map(lambda name: f"{name}@example.org"), max_size=2, unique=True).map(tuple),
)


@given(workflows)
def test_rows_give_back_what_they_were_made_of(workflow: Workflow) -> None:
    row, lines = rows_of(workflow)

    assert value_of(row, lines) == workflow
    assert list(column_problems(row, lines)) == []


def test_moments_and_expressions_are_tidied_before_they_are_kept() -> None:
    schedule = Schedule(
        cron=(" 0  6 * * *", "@daily"),
        start=datetime(2026, 3, 29, 12, tzinfo=ZoneInfo("Europe/Berlin")),
        timezone="Europe/Berlin",
    )
    tidied = tidy(a_plan(a_line(uses=("other",)), schedule=schedule))

    assert tidied.schedule.cron == ("0 6 * * *", "@daily")
    assert tidied.schedule.start == datetime(2026, 3, 29, 10, tzinfo=UTC)
    assert str(tidied.schedule.start) == "2026-03-29 10:00:00+00:00"
    assert tidied.steps[0].uses == ()  # the compiler's own


def test_a_moment_without_a_zone_is_left_for_the_compiler_to_refuse() -> None:
    naive = datetime(2026, 1, 1)
    assert tidy(a_plan(schedule=Schedule(end=naive))).schedule.end == naive


def test_a_moment_outside_of_the_calendar_is_refused_at_its_field() -> None:
    early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    with pytest.raises(InvalidWorkflow) as refused:
        tidy(a_plan(schedule=Schedule(start=early)))
    assert [path for path, _ in refused.value.problems] == ["schedule.start"]


@pytest.mark.parametrize(
    ("kind", "filled", "expected"),
    [
        ("manual", {"cron": "@daily", "every": timedelta(1)}, Schedule()),
        ("cron", {"cron": " @daily \n\n 0 6 * * *\n"}, Schedule(cron=("@daily", "0 6 * * *"))),
        ("cron", {"cron": " \n"}, Schedule(cron=("",))),
        ("every", {"cron": "@daily"}, Schedule(every=timedelta(0))),
        ("once", {"every": timedelta(1)}, Schedule(once=True)),
    ],
)
def test_only_the_field_of_the_chosen_kind_is_read(kind: str, filled: Any, expected: Schedule) -> None:
    """A chosen kind whose field is empty is unsound, not "only when asked"."""
    assert schedule_of(WorkflowDefinition(schedule=kind, **filled)) == expected


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ([], "params"),
        ({"day": "today"}, "params.day"),
        ({"day": {"schema": "string"}}, "params.day.schema"),
        ({"day": {"defualt": 1}}, "params.day.defualt"),
    ],
)
def test_params_of_another_form_are_refused_at_their_place(document: Any, path: str) -> None:
    with pytest.raises(InvalidWorkflow) as refused:
        value_of(WorkflowDefinition(params=document), ())
    assert [path for path, _ in refused.value.problems] == [path]


def test_columns_tell_what_they_cannot_take() -> None:
    workflow = a_plan(
        a_line(task="x." * 300, priority=2**31, group="g" * 251),
        title="nul \x00",
        description="half \ud800",
        tags=("a\x00",),
    )
    found = dict(column_problems(*rows_of(workflow)))

    assert set(found) == {
        "title",
        "description",
        "tags.0",
        "steps.0.task",
        "steps.0.priority",
        "steps.0.group",
    }
    assert "at most 500 characters" in found["steps.0.task"]
    assert "cannot keep" in found["title"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("schedule.cron.1", ("cron", "1")),
        ("schedule", ("schedule", "")),
        ("params.day.default", ("params", "day.default")),
        ("steps.0.task", ("", "steps.0.task")),
    ],
)
def test_a_path_leads_to_the_field_that_holds_it(path: str, expected: tuple[str, str]) -> None:
    assert field_of(path, FIELDS) == expected
    assert field_of("retry.max_delay", STEP_FIELDS) == ("retry_max_delay", "")
