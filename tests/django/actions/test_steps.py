from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from tests.django.keyed_jobs import sign_in

from windsock.call import Failure, Outcome
from windsock.django.actions import steps
from windsock.django.models import TaskRun, Workflow, WorkflowRun, WorkflowVersion
from windsock.django.observed import TaskInstance
from windsock.django.sensitive import shown_kwargs
from windsock.run import AIRFLOW_TASK_STATES, Status
from windsock.workflow import Retry, Step

pytestmark = pytest.mark.django_db
STEP = Step(name="one", task="tests.django.jobs.add", retry=Retry(limit=1))
BAD = Outcome(failure=Failure(exception="builtins.ValueError", message="bad\x00", traceback="Traceback"))
Begin = Callable[..., TaskRun]


@pytest.fixture
def run() -> WorkflowRun:
    workflow = Workflow.objects.create(id="a", source="test")
    document = {"id": "a", "steps": [{"name": "one", "task": STEP.task}, {"name": "two", "task": "x.y"}]}
    WorkflowVersion.objects.create(workflow=workflow, digest="1", revision=1, document=document)
    return WorkflowRun.objects.create(workflow=workflow, run_id="r", revision=1)


@pytest.fixture
def begin(run: WorkflowRun) -> Begin:
    def attempt(number: int, step: Step = STEP, **changes: Any) -> TaskRun:
        with transaction.atomic():
            locked = WorkflowRun.objects.select_for_update(no_key=True).get(pk=run.pk)
            return steps.begin(locked, step, map_index=changes.get("map_index", -1), attempt=number)

    return attempt


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


def test_a_step_and_its_run_begin(begin: Begin, run: WorkflowRun) -> None:
    begin(1)

    assert (record().status, record().attempt, record().step, record().name) == (
        "PROCESSING",
        1,
        "one",
        "one",
    )
    assert record().max_attempts == 2
    assert record().lease_expires_at is None
    assert record().next_send_at is None
    assert WorkflowRun.objects.get().status == "PROCESSING"


def test_a_retry_is_another_attempt_of_the_same_record(begin: Begin) -> None:
    steps.end(begin(1), BAD)
    assert (record().status, record().message) == ("PENDING", "bad\N{REPLACEMENT CHARACTER}")
    assert record().next_send_at is None, "the next attempt is Airflow's to send"
    steps.end(begin(2), Outcome(value=5))

    assert (record().status, record().attempt, record().result, record().progress) == ("DONE", 2, 5, 100)


def test_the_last_attempt_fails(begin: Begin) -> None:
    steps.end(begin(1), BAD)
    steps.end(begin(2), BAD)

    assert (record().status, record().traceback) == ("FAILED", "Traceback")


def test_a_failure_without_retry_is_final(begin: Begin) -> None:
    steps.end(begin(1), Outcome(failure=Failure(exception="x", message="no", retry=False)))

    assert record().status == "FAILED"


def test_a_skip_is_a_skip(begin: Begin) -> None:
    steps.end(begin(1), Outcome(skipped=True, message="nothing to do"))

    assert (record().status, record().message) == ("SKIPPED", "nothing to do")


def test_a_cleared_step_gets_a_new_record(begin: Begin, run: WorkflowRun) -> None:
    steps.end(begin(1), Outcome(value=1))
    WorkflowRun.objects.update(status="DONE", finished_at=timezone.now())
    second = begin(2)

    assert (second.generation, second.attempt, second.max_attempts) == (1, 2, 3)
    run.refresh_from_db()
    assert (run.status, run.generation, run.finished_at) == ("PROCESSING", 1, None)
    assert list(TaskRun.objects.order_by("generation").values_list("status", flat=True)) == [
        "DONE",
        "PROCESSING",
    ]


def test_all_steps_of_a_cleared_run_share_a_generation(begin: Begin, run: WorkflowRun) -> None:
    two = Step(name="two", task=STEP.task)
    for step in (STEP, two):
        steps.end(begin(1, step), Outcome(value=1))
    WorkflowRun.objects.update(status="DONE")
    generations = {begin(2, step).generation for step in (STEP, two)}

    assert generations == {1}
    run.refresh_from_db()
    assert run.generation == 1


def test_a_step_that_is_cleared_while_the_run_goes_on_gets_a_new_record(
    begin: Begin, run: WorkflowRun
) -> None:
    steps.end(begin(1), Outcome(value=1))
    begin(1, Step(name="two", task=STEP.task))

    assert begin(2).generation == 1
    run.refresh_from_db()
    assert run.generation == 1


def test_an_attempt_that_has_ended_is_not_begun_again(begin: Begin, run: WorkflowRun) -> None:
    """The end was told to Airflow and got lost."""
    steps.end(begin(1), Outcome(value=1))
    WorkflowRun.objects.update(status="DONE")

    assert begin(1).status == "DONE"
    run.refresh_from_db()
    assert (run.status, run.generation) == ("DONE", 0)


def test_an_attempt_that_went_away_without_an_end_is_taken_over(begin: Begin) -> None:
    first = begin(1)
    begin(2)

    assert record().attempt == 2
    assert not steps.end(first, Outcome(value=1)), "the first attempt comes too late"
    assert record().status == "PROCESSING"


def test_mapped_steps_have_records_of_their_own(begin: Begin) -> None:
    assert begin(1, map_index=0).pk != begin(1, map_index=1).pk


@pytest.mark.parametrize("state", AIRFLOW_TASK_STATES)
def test_steps_that_never_ran_here_are_added(run: WorkflowRun, state: str | None) -> None:
    steps.reconcile(run, [instance(state)])

    status = AIRFLOW_TASK_STATES[state]
    assert [found.status for found in TaskRun.objects.all()] == ([status] if status.is_finished else [])


def test_what_was_added_names_its_task_and_why(run: WorkflowRun) -> None:
    for _ in range(2):
        steps.reconcile(run, [instance("upstream_failed")])

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
    steps.reconcile(run, [instance(state, step="one", attempt=1)])

    assert record().status == status


def test_a_record_that_waits_for_a_retry_ends_as_airflow_ended_it(begin: Begin, run: WorkflowRun) -> None:
    steps.end(begin(1), BAD)
    steps.reconcile(run, [instance("failed", step="one", attempt=1)])

    assert (record().status, record().exception) == ("FAILED", "builtins.ValueError")


def test_a_finished_record_never_goes_back(begin: Begin, run: WorkflowRun) -> None:
    steps.end(begin(1), Outcome(value=1))
    steps.reconcile(run, [instance("failed", step="one", attempt=0)])

    assert record().status == "DONE"


@pytest.mark.parametrize(("state", "status"), [("failed", "FAILED"), ("skipped", "SKIPPED")])
def test_a_finished_step_that_is_marked_gets_a_new_record(
    begin: Begin, run: WorkflowRun, state: str, status: str
) -> None:
    steps.end(begin(1), Outcome(value=1))
    for _ in range(2):
        steps.reconcile(run, [instance(state, step="one", attempt=1)])

    found = TaskRun.objects.order_by("generation").values_list("generation", "status", "message")
    assert list(found) == [(0, "DONE", ""), (1, status, f"Airflow set it to {state}.")]


def test_a_marked_step_that_is_cleared_gets_one_record_more(begin: Begin, run: WorkflowRun) -> None:
    steps.end(begin(1), Outcome(value=1))
    steps.reconcile(run, [instance("failed", step="one", attempt=1)])
    steps.end(begin(2), Outcome(value=2))

    assert list(TaskRun.objects.order_by("generation").values_list("generation", "status")) == [
        (0, "DONE"),
        (1, "FAILED"),
        (2, "DONE"),
    ]


def cancel(run: WorkflowRun, *, is_told: bool = True) -> None:
    WorkflowRun.objects.update(
        status="PROCESSING",
        cancel_requested_at=timezone.now(),
        next_send_at=None if is_told else timezone.now(),
    )


def test_the_steps_of_a_cancelled_run_are_cancelled(begin: Begin, run: WorkflowRun) -> None:
    begin(1)
    WorkflowRun.objects.update(status="CANCELLED")
    steps.reconcile(run, [instance("failed", step="one", attempt=1), instance("skipped")])

    assert set(TaskRun.objects.values_list("step", "status")) == {("one", "CANCELLED"), ("two", "CANCELLED")}


@pytest.mark.parametrize("is_told", [True, False])
def test_no_step_begins_while_its_run_is_cancelled(begin: Begin, run: WorkflowRun, is_told: bool) -> None:
    cancel(run, is_told=is_told)

    assert begin(1).status == "CANCELLED"
    assert (record().attempt, record().finished_at is not None) == (1, True)
    assert begin(1).pk == record().pk


def test_a_step_that_waits_for_a_retry_does_not_begin_again_then(begin: Begin, run: WorkflowRun) -> None:
    steps.end(begin(1), BAD)
    cancel(run)

    assert begin(2).status == "CANCELLED"
    assert record().attempt == 2


def test_a_step_that_is_killed_then_is_cancelled(begin: Begin, run: WorkflowRun) -> None:
    record_of_step = begin(1)
    cancel(run)
    steps.end(record_of_step, BAD)

    assert (record().status, record().exception) == ("CANCELLED", "windsock.errors.Cancelled")


def test_a_teardown_step_begins_nevertheless(begin: Begin, run: WorkflowRun) -> None:
    cancel(run)

    assert begin(1, Step(name="clean", task=STEP.task, teardown=True)).status == "PROCESSING"


def test_a_step_of_a_run_that_airflow_must_not_have_asks_for_its_end(begin: Begin, run: WorkflowRun) -> None:
    """It was cancelled while the relay sent it, and died before it noted that."""
    WorkflowRun.objects.update(status="CANCELLED", cancel_requested_at=timezone.now(), revision=None)

    assert begin(1, Step(name="clean", task=STEP.task, teardown=True)).status == "CANCELLED"
    run.refresh_from_db()
    assert (run.status, run.next_send_at is not None) == ("CANCELLED", True)


def test_a_step_of_a_cancelled_run_that_was_cleared_begins(begin: Begin, run: WorkflowRun) -> None:
    WorkflowRun.objects.update(status="CANCELLED", cancel_requested_at=timezone.now())

    assert begin(2).status == "PROCESSING"
    run.refresh_from_db()
    assert (run.status, run.cancel_requested_at, run.generation) == ("PROCESSING", None, 1)


def test_what_a_task_hides_is_hidden_in_its_step(begin: Begin) -> None:
    record = begin(1, Step(name="log", task=sign_in.module_path))
    steps.rendered(record, ["ann"], {"password": "hunter2!"})
    failure = Failure(exception="builtins.ValueError", message="not hunter2!", retry=True)
    steps.end(record, Outcome(failure=failure))

    stored = TaskRun.objects.get()
    assert shown_kwargs(stored) == {"password": "********"}
    assert stored.message == "not ********"


def test_a_step_that_was_cleared_and_then_skipped_gets_a_record(begin: Begin, run: WorkflowRun) -> None:
    steps.end(begin(1), Outcome(value=1))
    WorkflowRun.objects.update(generation=1)
    later = timezone.now() + timedelta(seconds=1)
    for _ in range(2):
        steps.reconcile(run, [instance("upstream_failed", step="one", attempt=1, finished_at=later)])

    statuses = TaskRun.objects.order_by("generation").values_list("generation", "status")
    assert list(statuses) == [(0, Status.DONE), (1, Status.SKIPPED)]


def test_a_step_that_was_not_cleared_keeps_its_record(begin: Begin, run: WorkflowRun) -> None:
    steps.end(begin(1), Outcome(skipped=True))
    WorkflowRun.objects.update(generation=1)
    steps.reconcile(run, [instance("skipped", step="one", attempt=1)])

    assert TaskRun.objects.count() == 1
