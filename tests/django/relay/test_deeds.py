from datetime import timedelta

import httpx
import pytest
from django.db import connection
from django.utils import timezone
from tests.django.fake_airflow import FakeAirflow

from windsock.django.models import RelayState, TaskRun, Workflow, WorkflowRun, WorkflowVersion
from windsock.django.relay import deeds
from windsock.django.relay.deeds import Follower
from windsock.django.relay.states import Watcher

pytestmark = pytest.mark.django_db
END = "2026-01-02T03:04:04Z"


@pytest.fixture
def fake() -> FakeAirflow:
    """A run has ended: its step failed."""
    fake = FakeAirflow()
    fake.now = timezone.now().replace(microsecond=0)
    fake.put_run("w", "r", "failed", end_date=END)
    fake.put_step("w", "r", "one", "failed", end_date=END)
    return fake


@pytest.fixture(autouse=True)
def seen(fake: FakeAirflow) -> None:
    workflow = Workflow.objects.create(id="w", source="test")
    document = {"id": "w", "steps": [{"name": "one", "task": "x.y"}]}
    WorkflowVersion.objects.create(workflow=workflow, digest="1", document=document, revision=1)
    Watcher(fake.client()).run()


@pytest.fixture
def follower(fake: FakeAirflow) -> Follower:
    return Follower(fake.client())


def records() -> list[tuple[int, str]]:
    return list(TaskRun.objects.order_by("generation").values_list("generation", "status"))


def mark(fake: FakeAirflow) -> None:
    """Mark the step; Airflow does not touch the run then."""
    fake.put_deed("patch_task_instance", "w", "r")
    fake.instances["w", "r"][0]["state"] = "success"


def test_a_marked_step_of_an_ended_run_arrives(fake: FakeAirflow, follower: Follower) -> None:
    assert records() == [(0, "FAILED")]
    mark(fake)
    for _ in range(4):
        follower.run()

    assert records() == [(0, "FAILED"), (1, "DONE")]
    assert WorkflowRun.objects.get().status == "FAILED"


def test_a_deed_that_is_written_before_it_is_done_is_looked_at_again(
    fake: FakeAirflow, follower: Follower
) -> None:
    fake.put_deed("patch_task_instance", "w", "r")
    follower.run()
    fake.instances["w", "r"][0]["state"] = "success"
    follower.run()

    assert records() == [(0, "FAILED"), (1, "DONE")]


def test_a_deed_is_not_looked_at_for_ever(fake: FakeAirflow, follower: Follower) -> None:
    mark(fake)
    for _ in range(deeds.LOOKS):
        follower.run()
    fake.requests.clear()
    follower.run()

    assert fake.requests == ["GET /api/v2/eventLogs"]


def test_what_happened_while_the_relay_was_down_arrives(fake: FakeAirflow, follower: Follower) -> None:
    follower.run()
    fake.now += timedelta(minutes=1)
    mark(fake)
    fake.now += timedelta(minutes=1)
    Follower(fake.client()).run()

    assert records() == [(0, "FAILED"), (1, "DONE")]


def test_a_run_that_is_deleted_while_it_waits_is_cancelled(fake: FakeAirflow, follower: Follower) -> None:
    fake.put_run("w", "waits", "queued")
    Watcher(fake.client()).run()
    del fake.runs["w", "waits"], fake.updated["w", "waits"]
    fake.put_deed("delete_dag_run", "w", "waits")
    follower.run()

    assert WorkflowRun.objects.get(run_id="waits").status == "CANCELLED"
    assert WorkflowRun.objects.get(run_id="r").status == "FAILED"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("event", "is_heard"), [("patch_dag", True), ("patch_task_instance", False)])
def test_a_pause_wakes_whoever_knows_of_pauses(
    fake: FakeAirflow, follower: Follower, event: str, is_heard: bool
) -> None:
    fake.put_deed(event, "w")
    with connection.cursor() as cursor:
        cursor.execute("LISTEN windsock_relay")
        follower.run()
        heard = [each.payload for each in connection.connection.notifies(timeout=0)]

    assert ("pauses" in heard) == is_heard


def test_deeds_to_foreign_dags_are_none_of_ours(fake: FakeAirflow, follower: Follower) -> None:
    fake.put_deed("patch_task_instance", "foreign", "r")
    fake.requests.clear()
    follower.run()

    assert fake.requests[-1] == "GET /api/v2/eventLogs"


def test_the_cursor_is_airflows_time_and_seldom_written(fake: FakeAirflow, follower: Follower) -> None:
    began = fake.now
    for _ in range(5):
        follower.run()
        fake.now += timedelta(seconds=1)

    assert RelayState.objects.get(name="deeds").cursor == began.isoformat()


def test_an_airflow_that_is_away_is_waited_for(fake: FakeAirflow, follower: Follower) -> None:
    fake.is_away = True
    mark(fake)
    assert follower.run() is None
    fake.is_away = False
    follower.run()

    assert records() == [(0, "FAILED"), (1, "DONE")]


def test_a_run_that_cannot_be_read_holds_up_no_other(
    fake: FakeAirflow, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.put_run("w", "bad", "failed", end_date=END)
    Watcher(fake.client()).run()
    fake.put_deed("patch_task_instance", "w", "bad")
    mark(fake)
    refused = httpx.Response(403, json={"detail": "Forbidden"})
    api = fake._api

    def forbid(request: httpx.Request, path: str) -> httpx.Response:
        return refused if "bad" in path else api(request, path)

    monkeypatch.setattr(fake, "_api", forbid)
    follower.run()

    assert records() == [(0, "FAILED"), (1, "DONE")]


def test_without_airflow_there_is_nothing_to_follow() -> None:
    assert Follower(None).run() is None
