from typing import Any

import httpx
import pytest
from django.utils import timezone
from tests.django.fake_airflow import FakeAirflow

from windsock.django.actions import operating, runs
from windsock.django.models import TaskRun, Workflow, WorkflowRun, WorkflowVersion
from windsock.django.relay.cancels import AGAIN, Canceller
from windsock.django.relay.runs import Starter
from windsock.django.relay.states import Watcher

pytestmark = pytest.mark.django_db


@pytest.fixture
def fake() -> FakeAirflow:
    fake = FakeAirflow()
    fake.now = timezone.now()
    fake.serve("w", 1, "0" * 32)
    return fake


@pytest.fixture
def run(fake: FakeAirflow) -> WorkflowRun:
    """A run that Airflow has, with a step that runs and one that waits."""
    workflow = Workflow.objects.create(id="w", source="test", live_revision=1)
    document = {"id": "w", "steps": [{"name": name, "task": "x.y"} for name in ("one", "two")]}
    WorkflowVersion.objects.create(
        workflow=workflow, digest="1", document=document, revision=1, is_settled=True
    )
    run = runs.request(workflow)
    Starter(fake.client()).run()
    fake.put_run("w", run.run_id, "running")
    fake.put_step("w", run.run_id, "one", "running", end_date=None)
    fake.put_step("w", run.run_id, "two", None, end_date=None, try_number=0)
    run.refresh_from_db()
    return run


def stored() -> WorkflowRun:
    return WorkflowRun.objects.get()


def test_a_run_and_its_steps_are_cancelled(fake: FakeAirflow, run: WorkflowRun) -> None:
    operating.cancel(run)
    assert Canceller(fake.client()).run() is None

    assert fake.runs["w", run.run_id]["state"] == "failed"
    assert (stored().status, stored().next_send_at) == ("CANCELLED", None)
    assert set(TaskRun.objects.values_list("step", "status")) == {("one", "CANCELLED"), ("two", "CANCELLED")}


def test_seeing_it_again_changes_nothing(fake: FakeAirflow, run: WorkflowRun) -> None:
    operating.cancel(run)
    Canceller(fake.client()).run()
    before = stored().updated_at
    Watcher(fake.client()).run()

    assert (stored().status, stored().updated_at, stored().generation) == ("CANCELLED", before, 0)
    assert TaskRun.objects.count() == 2


def test_a_run_that_ends_after_its_teardown_steps_is_cancelled(fake: FakeAirflow, run: WorkflowRun) -> None:
    fake.teardowns = {"two"}
    operating.cancel(run)
    Canceller(fake.client()).run()
    assert (stored().status, stored().next_send_at) == ("PROCESSING", None)

    fake.instances["w", run.run_id][1]["state"] = "success"
    fake.put_run("w", run.run_id, "success")
    Watcher(fake.client()).run()
    assert stored().status == "CANCELLED"
    assert set(TaskRun.objects.values_list("step", "status")) == {("one", "CANCELLED"), ("two", "DONE")}


def test_a_run_that_was_quicker_is_what_it_became(fake: FakeAirflow, run: WorkflowRun) -> None:
    fake.put_run("w", run.run_id, "success", end_date="2026-01-02T03:04:04Z")
    operating.cancel(run)
    Canceller(fake.client()).run()

    assert (stored().status, stored().cancel_requested_at) == ("DONE", None)
    assert fake.runs["w", run.run_id]["state"] == "success"


def test_a_cancellation_waits_for_airflow(fake: FakeAirflow, run: WorkflowRun) -> None:
    operating.cancel(run)
    fake.is_away = True
    canceller = Canceller(fake.client())
    assert canceller.run() == AGAIN
    assert "cannot be reached" in stored().message

    fake.is_away = False
    WorkflowRun.objects.update(next_send_at=timezone.now())
    canceller.run()
    assert stored().status == "CANCELLED"


def test_a_run_that_airflow_lost_is_cancelled(fake: FakeAirflow, run: WorkflowRun) -> None:
    operating.cancel(run)
    fake.runs.clear()
    Canceller(fake.client()).run()

    assert stored().status == "CANCELLED"


def test_one_that_is_refused_holds_up_no_other(fake: FakeAirflow, run: WorkflowRun) -> None:
    other = WorkflowRun.objects.create(workflow_id="w", run_id="other", status="PROCESSING")
    fake.put_run("w", "other", "success")
    for each in (run, other):
        operating.cancel(each)
    fake.refusal = httpx.Response(403, json={"detail": "Forbidden"})

    assert Canceller(fake.client()).run() == AGAIN
    other.refresh_from_db()
    assert other.status == "DONE"


@pytest.mark.parametrize("watched_first", [True, False])
def test_a_run_that_is_cancelled_while_it_is_sent_ends(
    fake: FakeAirflow, run: WorkflowRun, monkeypatch: pytest.MonkeyPatch, watched_first: bool
) -> None:
    late = runs.request(run.workflow)
    sent = runs.sent

    def cancelled_meanwhile(found: WorkflowRun) -> None:
        operating.cancel(late)
        if not watched_first:
            sent(found)

    monkeypatch.setattr(runs, "sent", cancelled_meanwhile)
    Starter(fake.client()).run()
    assert late.status == "CANCELLED"
    assert fake.runs["w", late.run_id]["state"] == "queued"
    if watched_first:
        Watcher(fake.client()).run()
    Canceller(fake.client()).run()

    late.refresh_from_db()
    assert fake.runs["w", late.run_id]["state"] == "failed"
    assert (late.status, late.generation, late.next_send_at) == ("CANCELLED", 0, None)


def test_the_starter_leaves_alone_what_is_being_cancelled(fake: FakeAirflow, run: WorkflowRun) -> None:
    operating.cancel(run)
    fake.requests.clear()
    Starter(fake.client()).run()

    assert fake.requests == []


def test_without_airflow_there_is_nothing_to_end(run: WorkflowRun) -> None:
    operating.cancel(run)

    assert Canceller(None).run() is None


def test_rounds_cost_one_query_while_nothing_is_due(
    fake: FakeAirflow, run: WorkflowRun, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(2):
        Canceller(fake.client()).run()
