from datetime import timedelta

import pytest
from django.utils import timezone

from windsock.django.actions import operating, runs
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.errors import WrongStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def workflow() -> Workflow:
    workflow = Workflow.objects.create(id="a", source="test")
    WorkflowVersion.objects.create(workflow=workflow, digest="1", revision=1, document={"id": "a"})
    return workflow


@pytest.fixture
def run(workflow: Workflow) -> WorkflowRun:
    return runs.request(workflow)


def stored() -> Workflow:
    return Workflow.objects.get()


def test_a_pause_counts_here_at_once_and_is_due_in_airflow(workflow: Workflow) -> None:
    operating.pause(workflow)
    assert (stored().is_paused, stored().pause_due_at) == (True, workflow.pause_due_at)
    assert stored().pause_due_at is not None

    operating.unpause(workflow)
    assert not stored().is_paused
    assert stored().pause_due_at == workflow.pause_due_at


def test_a_retired_workflow_is_not_paused_but_goes_on(workflow: Workflow) -> None:
    """Its active runs would stand still for ever if it was paused when it was retired."""
    Workflow.objects.update(retired_at=timezone.now(), is_paused=True)
    workflow.refresh_from_db()
    with pytest.raises(WrongStatus, match="retired"):
        operating.pause(workflow)
    operating.unpause(workflow)

    assert not stored().is_paused


def test_a_newer_wish_outlives_the_note_that_the_older_one_was_delivered(workflow: Workflow) -> None:
    operating.pause(workflow)
    on_its_way = stored()
    operating.unpause(workflow)
    operating.pause_delivered(on_its_way)
    operating.pause_postponed(on_its_way, timezone.now() + timedelta(hours=1))

    assert stored().pause_due_at == workflow.pause_due_at


def test_what_was_paused_there_is_paused_here(workflow: Workflow) -> None:
    assert operating.pauses_seen({"a", "foreign"}) == 1
    assert stored().is_paused
    assert operating.pauses_seen({"a"}) == 0
    assert operating.pauses_seen(set()) == 1
    assert not stored().is_paused


def test_a_wish_that_airflow_does_not_know_yet_is_not_undone(workflow: Workflow) -> None:
    operating.pause(workflow)

    assert operating.pauses_seen(set()) == 0
    assert stored().is_paused


def test_a_run_that_was_not_sent_is_cancelled_at_once(run: WorkflowRun) -> None:
    operating.cancel(run)

    assert (run.status, run.next_send_at, run.message) == ("CANCELLED", None, operating.BEFORE_IT_BEGAN)
    assert run.finished_at == run.cancel_requested_at
    assert WorkflowRun.objects.get().status == "CANCELLED"


def test_a_run_that_airflow_has_is_ended_by_the_relay(run: WorkflowRun) -> None:
    runs.sent(run)
    operating.cancel(run)

    assert (run.status, run.finished_at) == ("PENDING", None)
    assert run.next_send_at == run.cancel_requested_at


def test_a_run_is_cancelled_once(run: WorkflowRun) -> None:
    runs.sent(run)
    operating.cancel(run)
    with pytest.raises(WrongStatus, match="being cancelled already"):
        operating.cancel(run)


def test_what_has_ended_is_not_cancelled(run: WorkflowRun) -> None:
    runs.refuse(run, "no")
    with pytest.raises(WrongStatus, match="ended already"):
        operating.cancel(run)


def test_a_run_that_airflow_lost_is_cancelled_all_the_same(run: WorkflowRun) -> None:
    runs.sent(run)
    operating.cancel(run)
    operating.cancel_in_vain(run)

    run.refresh_from_db()
    assert (run.status, run.next_send_at) == ("CANCELLED", None)


def test_a_cancellation_that_cannot_be_delivered_tells_why(run: WorkflowRun) -> None:
    runs.sent(run)
    operating.cancel(run)
    later = timezone.now() + timedelta(seconds=5)
    operating.cancel_postponed(run, later, "Airflow cannot be reached")

    run.refresh_from_db()
    assert (run.next_send_at, run.message) == (later, "Airflow cannot be reached")


def test_a_marked_run_is_not_cancelled_any_more(run: WorkflowRun) -> None:
    runs.sent(run)
    operating.cancel(run)
    operating.marked(run)

    run.refresh_from_db()
    assert (run.cancel_requested_at, run.next_send_at) == (None, None)
