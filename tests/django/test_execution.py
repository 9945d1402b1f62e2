import threading
import tracemalloc
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from tests.django import jobs

from windsock.call import Outcome
from windsock.django.actions import enqueueing, tasks
from windsock.django.execution import execute_run
from windsock.django.heartbeat import Pulse, Reason
from windsock.django.models import TaskRun

pytestmark = pytest.mark.django_db


def claim(task: Any, *args: Any, owner: Any = None) -> TaskRun:
    run = enqueueing.create(task, args, {}, owner=owner)
    claimed = tasks.claim(run.pk, 1, worker="w", lease=timedelta(minutes=1))
    assert claimed is not None
    return claimed


def execute(task: Any, *args: Any, **options: Any) -> Outcome:
    return execute_run(claim(task, *args), **options)


def test_the_value_is_the_outcome() -> None:
    assert execute(jobs.add, 1).value == 2


def test_an_async_function_is_awaited() -> None:
    assert execute(jobs.add_later, 1, 2).value == 3


def test_a_step_brings_its_own_arguments() -> None:
    assert execute(jobs.add, 1, args=[10], kwargs={"b": 20}).value == 30


def test_an_argument_may_have_any_name() -> None:
    outcome = execute(jobs.named, args=[], kwargs={"run": 1, "function": 2})

    assert outcome.value == [1, 2]


def test_a_task_that_asks_for_it_gets_the_context() -> None:
    assert execute(jobs.report).value == {"attempt": 1}


def test_a_failure_is_told_with_its_traceback() -> None:
    failure = execute(jobs.fail).failure

    assert failure is not None
    assert (failure.exception, failure.message, failure.retry) == ("builtins.ValueError", "no", True)
    assert "in fail" in failure.traceback


def test_a_refusal_names_the_input_and_is_not_tried_again() -> None:
    run = claim(jobs.refuse)

    failure = execute_run(run).failure

    assert failure is not None
    assert not failure.retry
    assert run.result == {"errors": {"name": ["is taken"]}}


def test_a_skip_is_no_failure() -> None:
    outcome = execute(jobs.skip)

    assert (outcome.skipped, outcome.message, outcome.failure) == (True, "nothing to do", None)


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (jobs.unfit, "cannot be kept as JSON"),
        (jobs.huge, "the limit, 262144"),
        (jobs.nul, "NUL"),
        (jobs.leave, "3"),
        (jobs.fail_unspeakably, "Unspeakable (its text cannot be shown)"),
        (jobs.give_circle, "Circular reference"),
        (jobs.cancel_oneself, "CancelledError"),
    ],
)
def test_what_cannot_be_kept_is_a_clear_failure(task: Any, reason: str) -> None:
    failure = execute(task).failure

    assert failure is not None
    assert reason in failure.message


def test_a_task_that_is_gone_is_a_failure() -> None:
    run = claim(jobs.add, 1)
    run.task = "tests.django.jobs.gone"

    failure = execute_run(run).failure

    assert failure is not None
    assert failure.exception == "windsock.errors.UnknownTask"


def test_what_a_task_enqueues_belongs_to_the_same_owner() -> None:
    ada = get_user_model().objects.create_user("ada")

    execute_run(claim(jobs.enqueue_add, 1, owner=ada.pk))

    assert TaskRun.objects.get(name="add").owner == ada


def test_a_giant_result_is_refused_before_it_is_copied() -> None:
    tracemalloc.start()
    try:
        failure = execute(jobs.give_300_megabytes).failure
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert failure is not None
    assert (failure.retry, "262144" in failure.message) == (False, True)
    assert peak < 20_000_000


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_a_task_leaves_open_does_not_swallow_its_end() -> None:
    execute(jobs.leave_transaction_open)

    assert not connection.in_atomic_block
    assert TaskRun.objects.count() == 1


@pytest.mark.django_db(transaction=True)
class TestStopping:
    """What an attempt comes to that was told to stop while it ran."""

    def outcome(self, task: Any, reason: Reason) -> Outcome:
        run = claim(task)
        pulse = Pulse(run, timedelta(minutes=1))
        thread = threading.Thread(target=self.stop, args=(pulse, reason))
        thread.start()
        try:
            return execute_run(run, pulse=pulse)
        finally:
            thread.join()

    @staticmethod
    def stop(pulse: Pulse, reason: Reason) -> None:
        while not pulse.related_id:
            pass
        pulse.stop(reason)

    @pytest.mark.parametrize(
        ("reason", "exception", "retry"),
        [
            (Reason.CANCEL, "windsock.errors.Cancelled", False),
            (Reason.TIME_LIMIT, "windsock.errors.TimedOut", True),
            (Reason.LOST, "windsock.django.stopping.Stopped", True),
        ],
    )
    @pytest.mark.parametrize("task", [jobs.wait_for_ever, jobs.wait_for_ever_async])
    def test_it_has_failed_because_of_that(
        self, task: Any, reason: Reason, exception: str, retry: bool
    ) -> None:
        failure = self.outcome(task, reason).failure

        assert failure is not None
        if reason is not Reason.LOST:
            assert (failure.exception, failure.retry) == (exception, retry)
        assert "in wait_for_ever" in failure.traceback
