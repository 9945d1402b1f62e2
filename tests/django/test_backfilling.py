from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from tests.django.fake_airflow import FakeAirflow

from windsock import wire
from windsock.django import backfilling, orchestrator
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.django.relay.states import Watcher
from windsock.errors import InvalidParams, OrchestratorAway, RunRefused, WrongStatus
from windsock.workflow import Param, Schedule, Step
from windsock.workflow import Workflow as Definition

pytestmark = pytest.mark.django_db
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
DAILY = Schedule(cron=("@daily",), start=START)
DATES = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeAirflow:
    fake = FakeAirflow()
    fake.now = timezone.now()
    fake.serve("w", 1, "0" * 32)
    fake.dates = DATES
    airflow = fake.client()
    monkeypatch.setattr(orchestrator, "connected", lambda: airflow)
    return fake


def publish(schedule: Schedule = DAILY, **fields: Any) -> Workflow:
    workflow = Workflow.objects.create(id="w", source="test")
    definition = Definition(
        id="w",
        steps=(Step(name="one", task="x.y", depends_on_past=fields.pop("depends_on_past", False)),),
        schedule=schedule,
        params={"day": Param(default="mon", schema={"type": "string"})},
    )
    document = wire.to_json(definition)
    WorkflowVersion.objects.create(workflow=workflow, digest="1", document=document, revision=1)
    return workflow


def backfill(
    workflow: Workflow, start: datetime = START, end: datetime = END, **options: Any
) -> list[datetime]:
    return backfilling.backfill(workflow, start, end, **{"dry_run": False, **options})


def fields_of(workflow: Workflow, *times: datetime, **options: Any) -> list[str]:
    with pytest.raises(InvalidParams) as caught:
        backfill(workflow, *times, **options)
    return [field for field, _ in caught.value.problems]


def test_the_dates_are_told_first(fake: FakeAirflow) -> None:
    assert [date.day for date in backfill(publish(), dry_run=True)] == [1, 2]
    assert fake.backfills == []


def test_the_runs_are_made_and_mirrored(fake: FakeAirflow) -> None:
    dates = backfill(publish(), max_active_runs=3, reprocess="failed", params={"day": "tue"})
    Watcher(fake.client()).run()

    assert [date.day for date in dates] == [1, 2]
    assert fake.backfills[0] == {
        "dag_id": "w",
        "from_date": START.isoformat(),
        "to_date": END.isoformat(),
        "reprocess_behavior": "failed",
        "max_active_runs": 3,
        "dag_run_conf": {"day": "tue"},
        "run_on_latest_version": False,
    }
    found = WorkflowRun.objects.order_by("logical_date")
    assert [(run.origin, run.logical_date) for run in found] == [("backfill", date) for date in dates]
    assert {run.params["day"] for run in found} == {"tue"}


def test_nothing_to_do_is_no_backfill(fake: FakeAirflow) -> None:
    fake.dates = []

    assert backfill(publish()) == []
    assert fake.backfills == []


@pytest.mark.parametrize("schedule", [Schedule(), Schedule(once=True, start=START)])
def test_a_workflow_without_a_rhythm_has_no_dates(schedule: Schedule) -> None:
    assert fields_of(publish(schedule)) == ["schedule"]


def test_every_argument_that_is_wrong_is_named() -> None:
    options = {"reprocess": "all", "max_active_runs": 0, "params": {"day": 3, "hour": 1}}

    assert fields_of(publish(), END, START, **options) == [
        "reprocess",
        "max_active_runs",
        "params.hour",
        "params.day",
        "end",
    ]


def test_times_carry_a_zone_and_begin_in_the_past() -> None:
    workflow = publish()
    naive = START.replace(tzinfo=None)

    assert fields_of(workflow, naive, naive) == ["start", "end"]
    assert fields_of(workflow, timezone.now() + timedelta(days=1), END.replace(year=2100)) == ["start"]


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(cron=("* * * * *",), start=START),
        Schedule(every=timedelta(minutes=1), start=START),
        Schedule(cron=("*/2 * * * *", "1-59/2 * * * *"), start=START),
    ],
)
def test_too_many_runs_are_refused_before_airflow_counts_them(fake: FakeAirflow, schedule: Schedule) -> None:
    workflow = publish(schedule)

    assert fields_of(workflow, START, END, dry_run=True) == ["end"]
    assert fake.requests == []
    assert len(backfill(workflow, START, START + timedelta(minutes=900), dry_run=True)) == 2


def test_a_schedule_that_begins_later_or_has_ended_can_be_backfilled(fake: FakeAirflow) -> None:
    schedule = Schedule(cron=("@daily",), start=END, end=END)

    assert len(backfill(publish(schedule), dry_run=True)) == 2


def test_airflows_own_count_decides_in_the_end(fake: FakeAirflow) -> None:
    fake.dates = [f"2026-01-01T00:00:{number % 60:02}Z" for number in range(1_001)]

    assert fields_of(publish()) == ["end"]


def test_steps_that_depend_on_the_run_before_need_a_decision(fake: FakeAirflow) -> None:
    workflow = publish(depends_on_past=True)

    assert fields_of(workflow) == ["reprocess"]
    assert len(backfill(workflow, reprocess="completed")) == 2


@pytest.mark.parametrize(
    ("fields", "why"),
    [({"is_paused": True}, "is paused"), ({"retired_at": START}, "is retired")],
)
def test_what_does_not_run_is_not_backfilled(fields: dict[str, Any], why: str) -> None:
    workflow = publish()
    Workflow.objects.update(**fields)
    workflow.refresh_from_db()
    with pytest.raises(RunRefused, match=why):
        backfill(workflow)


def test_what_was_never_published_is_not_backfilled() -> None:
    with pytest.raises(RunRefused, match="never published"):
        backfill(Workflow.objects.create(id="new", source="test"))


def test_one_backfill_at_a_time(fake: FakeAirflow) -> None:
    workflow = publish()
    backfill(workflow)
    with pytest.raises(WrongStatus, match="already a running backfill"):
        backfill(workflow)


def test_an_airflow_that_is_away_says_so(fake: FakeAirflow) -> None:
    fake.is_away = True
    with pytest.raises(OrchestratorAway):
        backfill(publish())
