from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient
from tests.django.api.conftest import Person

from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion

pytestmark = pytest.mark.django_db
PATH = "/api/workflows/a/schedule/"


@pytest.fixture
def reader(person: Person) -> APIClient:
    return person("view_workflow")


def published(**schedule: Any) -> Workflow:
    workflow = Workflow.objects.create(id="a", source="test")
    document = {"id": "a", "schedule": schedule} if schedule else None
    WorkflowVersion.objects.create(workflow=workflow, digest="0", document=document)
    return workflow


def test_the_next_times_are_told_in_the_schedules_zone(reader: APIClient) -> None:
    published(cron=["0 6 * * *"], start="2026-01-01T00:00:00+00:00", timezone="Asia/Kolkata")

    times = [datetime.fromisoformat(text) for text in reader.get(PATH).json()["times"]]

    assert len(times) == 10
    assert times[0] > timezone.now()
    assert {(time.hour, time.utcoffset()) for time in times} == {(6, timedelta(hours=5, minutes=30))}
    assert len(reader.get(PATH, {"count": "3"}).json()["times"]) == 3


def test_what_runs_only_when_asked_has_none(reader: APIClient) -> None:
    published(timezone="Europe/Berlin")
    assert reader.get(PATH).json() == {"times": []}


def test_what_is_retired_or_was_never_sound_has_none(reader: APIClient) -> None:
    workflow = published()
    assert reader.get(PATH).json() == {"times": []}
    workflow.versions.all().delete()
    assert reader.get(PATH).json() == {"times": []}


def test_what_ran_once_runs_no_more(reader: APIClient) -> None:
    start = datetime(2030, 1, 1, tzinfo=UTC)
    workflow = published(once=True, start=start.isoformat())
    assert reader.get(PATH).json()["times"] == ["2030-01-01T00:00:00Z"]
    WorkflowRun.objects.create(workflow=workflow, run_id="r", origin="schedule", logical_date=start)
    assert reader.get(PATH).json() == {"times": []}


@pytest.mark.parametrize("count", ["0", "101", "-1", "x", "1.5", "9" * 30, "\uff11"])
def test_a_number_that_cannot_be_is_refused(reader: APIClient, count: str) -> None:
    published()
    answer = reader.get(PATH, {"count": count})
    assert (answer.status_code, list(answer.json())) == (400, ["count"])


def test_permissions_are_asked_for(person: Person) -> None:
    assert person().get(PATH).status_code == 403
