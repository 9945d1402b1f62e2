from datetime import timedelta

import httpx
import pytest
from django.utils import timezone
from tests.django.fake_airflow import FakeAirflow

from windsock.django.actions import operating
from windsock.django.models import Workflow
from windsock.django.relay import pauses
from windsock.django.relay.pauses import AGAIN, Pauser

pytestmark = pytest.mark.django_db


@pytest.fixture
def fake() -> FakeAirflow:
    fake = FakeAirflow()
    fake.serve("a", 1, "0" * 32)
    return fake


@pytest.fixture
def workflow() -> Workflow:
    return Workflow.objects.create(id="a", source="test")


@pytest.fixture(autouse=True)
def _looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "SHARE", 0)


def stored() -> Workflow:
    return Workflow.objects.get()


def test_airflow_is_told_once(fake: FakeAirflow, workflow: Workflow) -> None:
    operating.pause(workflow)
    pauser = Pauser(fake.client())
    assert pauser.run() is None
    assert (fake.dags["a"]["is_paused"], stored().pause_due_at) == (True, None)

    fake.requests.clear()
    pauser.run()
    assert [request for request in fake.requests if request.startswith("PATCH")] == []

    operating.unpause(stored())
    pauser.run()
    assert not fake.dags["a"]["is_paused"]
    assert not stored().is_paused


def test_a_click_in_airflow_arrives(fake: FakeAirflow, workflow: Workflow) -> None:
    fake.dags["a"]["is_paused"] = True
    Pauser(fake.client()).run()
    assert stored().is_paused

    fake.dags["a"]["is_paused"] = False
    Pauser(fake.client()).run()
    assert not stored().is_paused


def test_a_pause_waits_for_airflow(fake: FakeAirflow, workflow: Workflow) -> None:
    fake.is_away = True
    operating.pause(workflow)
    pauser = Pauser(fake.client())
    assert pauser.run() == AGAIN
    assert stored().is_paused

    fake.is_away = False
    assert pauser.run() is None
    assert fake.dags["a"]["is_paused"]


def test_a_pause_waits_for_its_dag(fake: FakeAirflow, workflow: Workflow) -> None:
    del fake.dags["a"]
    operating.pause(workflow)
    pauser = Pauser(fake.client())
    assert pauser.run() == AGAIN
    assert (stored().is_paused, stored().pause_due_at is not None) == (True, True)

    fake.serve("a", 1, "0" * 32)
    Workflow.objects.update(pause_due_at=timezone.now() - timedelta(seconds=1))
    pauser.run()
    assert fake.dags["a"]["is_paused"]


def test_a_dag_that_is_not_there_yet_begins_unpaused(fake: FakeAirflow, workflow: Workflow) -> None:
    del fake.dags["a"]
    operating.unpause(workflow)

    assert Pauser(fake.client()).run() is None
    assert stored().pause_due_at is None


def test_one_that_is_refused_holds_up_no_other(fake: FakeAirflow, workflow: Workflow) -> None:
    operating.pause(workflow)
    fake.refusal = httpx.Response(403, json={"detail": "Forbidden"})

    assert Pauser(fake.client()).run() == AGAIN
    assert stored().pause_due_at is not None


def test_looking_takes_a_small_share_of_the_time(
    fake: FakeAirflow, workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pauses, "SHARE", 1e9)
    pauser = Pauser(fake.client())
    pauser.run()
    fake.requests.clear()
    rest = pauser.run()

    assert rest is not None
    assert timedelta(0) < rest <= pauses.LONGEST_REST
    assert fake.requests == []


def test_without_airflow_there_is_nothing_to_tell(workflow: Workflow) -> None:
    operating.pause(workflow)

    assert Pauser(None).run() is None
