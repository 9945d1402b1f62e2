from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from windsock.django.actions import mirroring, operating, runs
from windsock.django.models import Workflow, WorkflowRun
from windsock.django.observed import DagRun
from windsock.run import AIRFLOW_RUN_STATES, Status

pytestmark = pytest.mark.django_db
THEN = datetime(2026, 1, 1, tzinfo=UTC)


def seen(state: str, **changes: Any) -> DagRun:
    given: dict[str, Any] = {
        "workflow": "a",
        "run_id": "manual__1",
        "state": state,
        "kind": "manual",
        "revision": 3,
        "params": {},
        "logical_date": None,
        "started_at": THEN,
        "finished_at": THEN if state in {"success", "failed"} else None,
        "seen_at": timezone.now() + timedelta(seconds=1),
        **changes,
    }
    return DagRun(**given)


def mirrored(state: str, **changes: Any) -> WorkflowRun:
    run = mirroring.mirror(seen(state, **changes))
    assert run is not None
    return WorkflowRun.objects.get(pk=run.pk)


@pytest.mark.parametrize("state", AIRFLOW_RUN_STATES)
def test_every_state_of_a_run_arrives(workflow: Workflow, state: str) -> None:
    run = mirrored(state)

    assert run.status == AIRFLOW_RUN_STATES[state]
    assert (run.started_at, run.revision) == (THEN, 3)
    assert run.finished_at == (THEN if Status(run.status).is_finished else None)


@pytest.mark.parametrize(
    ("run_id", "kind", "origin"),
    [
        ("windsock__019a1fce-b2f3-7f7d-8a0e-c85a934806e5", "manual", "request"),
        ("scheduled__2026", "scheduled", "schedule"),
        ("manual__2026", "manual", "airflow"),
        ("mine", "manual", "airflow"),
        ("mine", "backfill", "backfill"),
        ("scheduled__2026", "backfill", "backfill"),
        ("x", "asset_triggered", "schedule"),
        ("x", "operator_triggered", "airflow"),
    ],
)
def test_a_run_tells_who_began_it(workflow: Workflow, run_id: str, kind: str, origin: str) -> None:
    assert mirrored("running", run_id=run_id, kind=kind).origin == origin


def test_a_requested_run_is_found_again(workflow: Workflow) -> None:
    requested = runs.request(workflow, {"day": "mon"})
    run = mirrored("running", run_id=requested.run_id, params={"day": "mon"})

    assert run.pk == requested.pk
    assert run.next_send_at is None


def test_a_run_whose_row_was_lost_gets_its_own_id_back(workflow: Workflow) -> None:
    id = uuid4()

    assert mirrored("running", run_id=f"windsock__{id}").pk == id


def test_seeing_the_same_again_writes_nothing(workflow: Workflow) -> None:
    before = mirrored("running")
    after = mirrored("running")

    assert after.updated_at == before.updated_at


def test_a_cleared_run_is_reopened_in_a_new_generation(workflow: Workflow) -> None:
    assert mirrored("success").generation == 0
    again = mirrored("queued", started_at=None)
    assert (again.generation, again.status, again.finished_at) == (1, "PENDING", None)
    assert mirrored("running").generation == 1
    assert mirrored("failed").generation == 1


def test_old_news_change_nothing(workflow: Workflow) -> None:
    """Airflow was asked, then a step of a cleared run began here, then the answer is read."""
    asked_at = timezone.now()
    mirrored("success")
    WorkflowRun.objects.update(status="PROCESSING", updated_at=timezone.now())

    assert mirroring.mirror(seen("success", seen_at=asked_at)) is None
    assert WorkflowRun.objects.get().status == "PROCESSING"


def test_an_unknown_state_changes_nothing(workflow: Workflow) -> None:
    assert mirroring.mirror(seen("dancing")) is None
    assert not WorkflowRun.objects.exists()


def test_a_deleted_run_is_cancelled(workflow: Workflow) -> None:
    run = mirrored("running")
    mirroring.vanish(run)

    assert WorkflowRun.objects.get().status == "CANCELLED"


def test_a_run_knows_the_tasks_of_its_own_version(workflow: Workflow) -> None:
    assert mirroring.task_of(mirrored("running", revision=4), "one") == "shop.tasks.old"
    assert mirroring.task_of(mirrored("running", revision=9), "one") == "shop.tasks.new"
    assert mirroring.task_of(mirrored("running"), "gone") == ""


def cancelled(*, is_told: bool) -> WorkflowRun:
    """A run that is active in Airflow, and is cancelled here; whether Airflow was told."""
    run = mirrored("running")
    operating.cancel(run)
    if is_told:
        operating.cancel_delivered(run)
    return run


@pytest.mark.parametrize("state", ["failed", "success"])
def test_a_cancelled_run_ends_as_cancelled(workflow: Workflow, state: str) -> None:
    """After teardown steps that went well, Airflow calls it a success."""
    cancelled(is_told=True)
    run = mirrored(state)

    assert (run.status, run.next_send_at) == ("CANCELLED", None)


def test_a_run_that_was_done_before_airflow_heard_of_the_cancellation_is_done(workflow: Workflow) -> None:
    cancelled(is_told=False)
    run = mirrored("success")

    assert (run.status, run.cancel_requested_at, run.next_send_at) == ("DONE", None, None)


def test_a_cancellation_stays_due_while_the_run_goes_on(workflow: Workflow) -> None:
    cancelled(is_told=False)

    assert mirrored("running").next_send_at is not None


def test_a_cancelled_run_that_is_cleared_is_not_cancelled_any_more(workflow: Workflow) -> None:
    cancelled(is_told=True)
    mirrored("failed")
    run = mirrored("queued")

    assert (run.status, run.generation, run.cancel_requested_at) == ("PENDING", 1, None)
    assert mirrored("failed").status == "FAILED"


def test_a_run_that_begins_although_it_was_cancelled_is_to_be_ended(workflow: Workflow) -> None:
    """The relay died between Airflow's answer and the note of it; then somebody cancelled the run."""
    run = runs.request(workflow)
    operating.cancel(run)

    assert mirroring.mirror(seen("running", run_id=run.run_id)) is None
    run.refresh_from_db()
    assert (run.status, run.generation) == ("CANCELLED", 0)
    assert run.next_send_at is not None
    assert mirrored("failed", run_id=run.run_id).next_send_at is None
