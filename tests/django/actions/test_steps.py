import pytest
from django.utils import timezone
from tests.django.actions.conftest import STEP, Begin
from tests.django.keyed_jobs import sign_in

from windsock.call import Failure, Outcome
from windsock.django.actions import steps
from windsock.django.models import TaskRun, WorkflowRun
from windsock.django.sensitive import shown_kwargs
from windsock.workflow import Retry, Step

pytestmark = pytest.mark.django_db
BAD = Outcome(failure=Failure(exception="builtins.ValueError", message="bad\x00", traceback="Traceback"))


def record() -> TaskRun:
    return TaskRun.objects.get()


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


def cancel(run: WorkflowRun, *, is_told: bool = True) -> None:
    WorkflowRun.objects.update(
        status="PROCESSING",
        cancel_requested_at=timezone.now(),
        next_send_at=None if is_told else timezone.now(),
    )


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
    steps.rendered(record, (["ann"], {"password": "hunter2!"}))
    failure = Failure(exception="builtins.ValueError", message="not hunter2!", retry=True)
    steps.end(record, Outcome(failure=failure))

    stored = TaskRun.objects.get()
    assert shown_kwargs(stored) == {"password": "********"}
    assert stored.message == "not ********"


@pytest.mark.parametrize("attempt", [1, 2])
def test_arguments_that_are_known_are_kept_from_the_beginning(begin: Begin, attempt: int) -> None:
    sign = Step(name="one", task=sign_in.module_path, retry=Retry(limit=1))
    for number in range(1, attempt):
        steps.end(begin(number, sign), BAD)
    record = begin(attempt, sign, arguments=(["ann"], {"password": "hunter2!"}))

    stored = TaskRun.objects.get()
    assert (stored.args, stored.kwargs) == (record.args, record.kwargs) == (["ann"], {"password": "hunter2!"})
    assert stored.sensitive == record.sensitive == ["password"]


@pytest.mark.parametrize("outcome", [Outcome(value=1), BAD, Outcome(skipped=True)])
def test_the_output_is_written_with_the_end(begin: Begin, outcome: Outcome) -> None:
    attempt = begin(1)
    attempt.output = "said"
    steps.end(attempt, outcome)

    assert record().output == "said"
