"""What was begun here and ended by Airflow, and what never began here."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from tests.django.actions.conftest import Begin

from windsock.call import Failure, Outcome
from windsock.django.actions import steps
from windsock.django.actions.reconciling import reconcile
from windsock.django.models import TaskRun, WorkflowRun
from windsock.django.observed import TaskInstance
from windsock.run import AIRFLOW_TASK_STATES, Status

pytestmark = pytest.mark.django_db
BAD = Outcome(failure=Failure(exception="builtins.ValueError", message="bad", traceback="Traceback"))


def record() -> TaskRun:
    return TaskRun.objects.get()


def instance(state: str | None, **changes: Any) -> TaskInstance:
    given: dict[str, Any] = {
        "step": "two",
        "map_index": -1,
        "state": state,
        "attempt": 0,
        "started_at": None,
        "finished_at": datetime(2026, 1, 1, tzinfo=UTC),
        **changes,
    }
    return TaskInstance(**given)


@pytest.mark.parametrize("state", AIRFLOW_TASK_STATES)
def test_steps_that_never_ran_here_are_added(run: WorkflowRun, state: str | None) -> None:
    reconcile(run, [instance(state)])

    status = AIRFLOW_TASK_STATES[state]
    assert [found.status for found in TaskRun.objects.all()] == ([status] if status.is_finished else [])


def test_what_was_added_names_its_task_and_why(run: WorkflowRun) -> None:
    for _ in range(2):
        reconcile(run, [instance("upstream_failed")])

    assert (record().task, record().status, record().message) == (
        "x.y",
        "SKIPPED",
        "Airflow set it to upstream_failed.",
    )


@pytest.mark.parametrize(
    ("state", "status"),
    [("failed", "FAILED"), ("success", "DONE"), ("skipped", "SKIPPED"), ("removed", "CANCELLED")],
)
def test_a_running_record_ends_as_airflow_ended_it(
    begin: Begin, run: WorkflowRun, state: str, status: str
) -> None:
    begin(1)
    reconcile(run, [instance(state, step="one", attempt=1)])

    assert record().status == status


def test_a_record_that_waits_for_a_retry_ends_as_airflow_ended_it(begin: Begin, run: WorkflowRun) -> None:
    steps.end(begin(1), BAD)
    reconcile(run, [instance("failed", step="one", attempt=1)])

    assert (record().status, record().exception) == ("FAILED", "builtins.ValueError")


def test_a_finished_record_never_goes_back(begin: Begin, run: WorkflowRun) -> None:
    steps.end(begin(1), Outcome(value=1))
    reconcile(run, [instance("failed", step="one", attempt=0)])

    assert record().status == "DONE"


@pytest.mark.parametrize(("state", "status"), [("failed", "FAILED"), ("skipped", "SKIPPED")])
def test_a_finished_step_that_is_marked_gets_a_new_record(
    begin: Begin, run: WorkflowRun, state: str, status: str
) -> None:
    steps.end(begin(1), Outcome(value=1))
    for _ in range(2):
        reconcile(run, [instance(state, step="one", attempt=1)])

    found = TaskRun.objects.order_by("generation").values_list("generation", "status", "message")
    assert list(found) == [(0, "DONE", ""), (1, status, f"Airflow set it to {state}.")]


def test_a_marked_step_that_is_cleared_gets_one_record_more(begin: Begin, run: WorkflowRun) -> None:
    steps.end(begin(1), Outcome(value=1))
    reconcile(run, [instance("failed", step="one", attempt=1)])
    steps.end(begin(2), Outcome(value=2))

    assert list(TaskRun.objects.order_by("generation").values_list("generation", "status")) == [
        (0, "DONE"),
        (1, "FAILED"),
        (2, "DONE"),
    ]


def test_the_steps_of_a_cancelled_run_are_cancelled(begin: Begin, run: WorkflowRun) -> None:
    begin(1)
    WorkflowRun.objects.update(status="CANCELLED")
    reconcile(run, [instance("failed", step="one", attempt=1), instance("skipped")])

    assert set(TaskRun.objects.values_list("step", "status")) == {("one", "CANCELLED"), ("two", "CANCELLED")}


def test_a_step_that_was_cleared_and_then_skipped_gets_a_record(begin: Begin, run: WorkflowRun) -> None:
    steps.end(begin(1), Outcome(value=1))
    WorkflowRun.objects.update(generation=1)
    later = timezone.now() + timedelta(seconds=1)
    for _ in range(2):
        reconcile(run, [instance("upstream_failed", step="one", attempt=1, finished_at=later)])

    statuses = TaskRun.objects.order_by("generation").values_list("generation", "status")
    assert list(statuses) == [(0, Status.DONE), (1, Status.SKIPPED)]


def test_a_step_that_was_not_cleared_keeps_its_record(begin: Begin, run: WorkflowRun) -> None:
    steps.end(begin(1), Outcome(skipped=True))
    WorkflowRun.objects.update(generation=1)
    reconcile(run, [instance("skipped", step="one", attempt=1)])

    assert TaskRun.objects.count() == 1
