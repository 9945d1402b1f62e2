from typing import Any

import pytest
from rest_framework.test import APIClient
from tests.django.api.conftest import Person

from windsock.django.models import Workflow

pytestmark = pytest.mark.django_db
PATH = "/api/workflows/preview/"
START = "2026-01-01T00:00:00Z"


@pytest.fixture
def reader(person: Person) -> APIClient:
    return person("view_workflow")


def test_a_schedule_is_shown_before_it_is_saved(reader: APIClient) -> None:
    schedule = {"cron": ["@daily"], "start": START, "timezone": "Europe/Berlin"}
    times = reader.post(PATH, {"schedule": schedule}).json()["times"]
    assert len(times) == 10
    assert {time[11:19] for time in times} == {"00:00:00"}
    assert reader.post(PATH, {"schedule": {}}).json() == {"times": []}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "schedule"),
        ([], "non_field_errors"),
        ({"schedule": []}, "schedule"),
        ({"schedule": {"cron": "@daily"}}, "schedule.cron"),
        ({"schedule": {"cron": ["no"], "start": START}}, "schedule.cron.0"),
        ({"schedule": {"every_seconds": 0, "start": START}}, "schedule.every_seconds"),
        ({"schedule": {"cron": ["@daily"]}}, "schedule.start"),
        ({"schedule": {"timezone": "Mars"}}, "schedule.timezone"),
        ({"schedule": {"every": 1}}, "schedule.every"),
    ],
)
def test_what_is_not_sound_is_named(reader: APIClient, body: Any, place: str) -> None:
    answer = reader.post(PATH, body)
    assert (answer.status_code, list(answer.json())) == (400, [place])


def test_a_workflow_may_have_this_name(reader: APIClient) -> None:
    assert reader.get(PATH).status_code == 404
    Workflow.objects.create(id="preview", source="shop.Report", source_key="1")
    assert reader.get(PATH).json()["id"] == "preview"
    assert reader.delete(PATH).status_code == 403


def test_permissions_are_asked_for(person: Person) -> None:
    assert person().post(PATH, {"schedule": {}}).status_code == 403
    assert APIClient().post(PATH, {}).status_code == 401
