import logging

import pytest
from tests.django.fake_airflow import FakeAirflow

from windsock.django import sources
from windsock.django.actions import liveness, revisions
from windsock.django.models import Workflow, WorkflowVersion
from windsock.django.relay import upkeep
from windsock.django.relay.upkeep import Comparer
from windsock.django.sources import Summary

pytestmark = pytest.mark.django_db


@pytest.fixture
def fake() -> FakeAirflow:
    fake = FakeAirflow()
    fake.add_sentinel()
    return fake


@pytest.fixture
def in_force(fake: FakeAirflow) -> None:
    for name in "abc":
        Workflow.objects.create(id=name, source="test")
        WorkflowVersion.objects.create(workflow_id=name, digest=name * 32, document={})
        fake.serve(name, 1, name * 32)
    revisions.number()
    liveness.settle(liveness.open_versions())


def reopened() -> set[str]:
    return {version.workflow for version in liveness.open_versions()}


@pytest.mark.usefixtures("in_force")
def test_when_nothing_is_missing_the_list_is_not_read(fake: FakeAirflow) -> None:
    Comparer(fake.client()).run()

    assert fake.requests[1:] == ["GET /api/v2/dags/windsock_sentinel/details", "GET /api/v2/dags"]
    assert reopened() == set()


@pytest.mark.usefixtures("in_force")
def test_what_airflow_does_not_schedule_is_looked_for(fake: FakeAirflow) -> None:
    fake.dags["a"]["is_stale"] = True
    del fake.dags["b"]
    Comparer(fake.client()).run()

    assert reopened() == {"a", "b"}


@pytest.mark.usefixtures("in_force")
def test_an_airflow_that_lost_its_database_is_compared_too(fake: FakeAirflow) -> None:
    fake.dags.clear()
    Comparer(fake.client()).run()

    assert reopened() == {"a", "b", "c"}


@pytest.mark.usefixtures("in_force")
def test_an_airflow_that_is_away_proves_nothing(fake: FakeAirflow) -> None:
    fake.is_away = True
    Comparer(fake.client()).run()
    Comparer(None).run()

    assert reopened() == set()


def test_nothing_in_force_asks_nothing(fake: FakeAirflow) -> None:
    Comparer(fake.client()).run()

    assert fake.requests == []


def test_every_source_is_published_whatever_happens_to_another(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    published: list[str] = []

    def publish(names: list[str]) -> Summary:
        if names == ["broken"]:
            raise LookupError("no such table")
        published.extend(names)
        return Summary(rows=3, versions=2, retired=1)

    monkeypatch.setattr(sources, "known_names", lambda: ["broken", "shop"])
    monkeypatch.setattr(sources, "publish_all", publish)
    with caplog.at_level(logging.INFO, "windsock"):
        upkeep.publish_all()

    assert published == ["shop"]
    assert "The source broken could not be read" in caplog.text
    assert "shop: 2 new versions, 1 retired" in caplog.text
