from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from tests.django.plans import a_plan

from windsock.django.actions import definitions
from windsock.django.admin import preview
from windsock.django.models import WorkflowDefinition, WorkflowRun
from windsock.workflow import Schedule

pytestmark = pytest.mark.django_db


def row(**fields: object) -> WorkflowDefinition:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return WorkflowDefinition(**{"schedule": "cron", "cron": "@daily", "start": start, **fields})


def test_ten_times_are_shown_in_the_workflows_own_zone() -> None:
    page = preview.render(row(cron="30 6 * * *", timezone="Asia/Kolkata"), [])
    assert page.count("06:30:00 IST (UTC+05:30)") == 10
    assert "Asia/Kolkata" in page


def test_daylight_saving_shows_in_the_offset() -> None:
    winter, summer = (datetime(2026, 3, day, 6, 30, tzinfo=UTC) for day in (28, 29))
    page = preview.render(row(cron="30 6 1 * *", timezone="Europe/Berlin"), [])
    assert "CET (UTC+01:00)" in page
    assert "CEST (UTC+02:00)" in page
    assert preview.told(winter) == "Sat 28 Mar 2026 06:30:00 UTC (UTC+00:00)"
    assert preview.told(summer) == "Sun 29 Mar 2026 06:30:00 UTC (UTC+00:00)"


def test_what_has_no_next_time_says_why() -> None:
    assert "Only when asked" in preview.render(row(schedule="manual"), [])
    ended = row(end=datetime(2026, 1, 2, tzinfo=UTC))
    assert "come to its end" in preview.render(ended, [])


def test_problems_are_told_instead() -> None:
    bad = row(cron="61 * * * *", timezone="Nowhere")
    told = preview.problems(bad)
    assert len(told) == 2
    page = preview.render(bad, told)
    assert "is not a cron expression" in page
    assert "<ol" not in page
    assert preview.problems(row()) == []


def test_a_fixed_interval_is_counted_from_the_last_run() -> None:
    start = timezone.now() - timedelta(days=2)
    schedule = Schedule(every=timedelta(days=1), start=start, catchup=True)
    workflow = definitions.create(a_plan(schedule=schedule))
    last = start + timedelta(days=1, hours=3)
    WorkflowRun.objects.create(
        workflow=workflow, run_id="r", origin=WorkflowRun.Origin.SCHEDULE, logical_date=last
    )
    page = preview.render(WorkflowDefinition.objects.get(), [])
    assert preview.told((last + timedelta(days=2)).astimezone(UTC)) in page
