import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.django import jobs

from windsock.call import Failure, Outcome
from windsock.django.actions import enqueueing, tasks
from windsock.django.actions.statements import NAMES
from windsock.django.compat import task_finished
from windsock.django.models import TaskRun
from windsock.run import TRANSITIONS, EventKind, Status

pytestmark = pytest.mark.django_db

LEASE = timedelta(seconds=30)
FAILURE = Failure(exception="builtins.ValueError", message="no", traceback="Traceback ...")


def create(task: Any = jobs.add, **options: Any) -> TaskRun:
    return enqueueing.create(task.using(**options), [1], {"b": 2})


def claimed(run: TaskRun, attempt: int = 1) -> TaskRun:
    found = tasks.claim(run.pk, attempt, worker="w", lease=LEASE)
    assert found is not None
    return found


def test_a_claim_takes_the_record_once() -> None:
    run = create()

    first = claimed(run)

    assert (first.status, first.attempt, first.worker) == (Status.PROCESSING, 1, "w")
    assert first.lease_expires_at is not None
    assert tasks.claim(run.pk, 1, worker="other", lease=LEASE) is None
    assert tasks.claim(run.pk, 2, worker="other", lease=LEASE) is None


def test_a_message_of_another_attempt_claims_nothing() -> None:
    assert tasks.claim(create().pk, 2, worker="w", lease=LEASE) is None


def test_insert_claim_and_end_are_three_statements() -> None:
    with CaptureQueriesContext(
        connection,
    ) as statements:
        tasks.finish(claimed(create()), Outcome(value=3))

    assert len(statements) == 3


class TestFollowing:
    @staticmethod
    def of(run: TaskRun, attempt: int = 1) -> tasks.Following:
        return tasks.Following(run_id=str(run.pk), attempt=attempt, worker="w", lease=LEASE)

    def test_it_is_claimed_by_the_statement_that_ends_the_one_before(self) -> None:
        run, following = claimed(create()), self.of(create())

        with CaptureQueriesContext(connection) as statements:
            assert tasks.finish(run, Outcome(value=3), following)

        assert len(statements) == 1
        stored = TaskRun.objects.get(pk=following.run_id)
        assert following.run is not None
        assert {name: getattr(following.run, name) for name in NAMES} == {
            name: getattr(stored, name) for name in NAMES
        }
        assert (stored.status, stored.attempt, stored.worker) == (Status.PROCESSING, 1, "w")
        assert TaskRun.objects.get(pk=run.pk).status == run.status == Status.DONE

    def test_it_is_claimed_though_the_one_before_was_taken_over(self) -> None:
        run, following = claimed(create(retries=1)), self.of(create())
        TaskRun.objects.filter(pk=run.pk).update(attempt=2)

        assert not tasks.finish(run, Outcome(value=3), following)

        assert following.run is not None

    def test_the_end_is_written_though_there_is_nothing_to_claim(self) -> None:
        run, following = claimed(create()), self.of(create(), attempt=2)

        assert tasks.finish(run, Outcome(value=3), following)

        assert (following.run, following.in_doubt) == (None, False)
        assert TaskRun.objects.get(pk=run.pk).status == Status.DONE

    @pytest.mark.django_db(transaction=True)
    def test_who_locks_it_holds_up_nothing(self) -> None:
        run, following = claimed(create()), self.of(create())
        locked, tried = threading.Event(), threading.Event()

        def lock() -> None:
            with transaction.atomic():
                TaskRun.objects.select_for_update().get(pk=following.run_id)
                locked.set()
                tried.wait(30)
            connection.close()

        thread = threading.Thread(target=lock)
        thread.start()
        locked.wait(30)
        try:
            assert tasks.finish(run, Outcome(value=3), following)
            assert (following.run, following.in_doubt) == (None, False)
        finally:
            tried.set()
            thread.join()

    def test_an_answer_that_was_lost_leaves_it_in_doubt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        run, following = claimed(create()), self.of(create())
        monkeypatch.setattr(tasks, "fetch_one", Mock(side_effect=OperationalError))

        with pytest.raises(OperationalError):
            tasks.finish(run, Outcome(value=3), following)

        assert following.in_doubt


def test_a_finished_record_holds_the_value() -> None:
    run = claimed(create())

    assert tasks.finish(run, Outcome(value={"sum": 3}))

    run.refresh_from_db()
    assert (run.status, run.result, run.progress, run.lease_expires_at) == ("DONE", {"sum": 3}, 100, None)
    assert run.finished_at is not None


def test_a_failed_record_holds_the_reason_and_how_far_it_came() -> None:
    run = claimed(create())
    run.progress = 40

    tasks.finish(run, Outcome(failure=FAILURE))

    run.refresh_from_db()
    assert (run.status, run.exception, run.message) == ("FAILED", "builtins.ValueError", "no")
    assert (run.traceback, run.progress) == ("Traceback ...", 40)


def test_a_skipped_record_says_why() -> None:
    run = claimed(create())

    tasks.finish(run, Outcome(skipped=True, message="nothing to do\x00"))

    run.refresh_from_db()
    assert (run.status, run.message) == ("SKIPPED", "nothing to do\N{REPLACEMENT CHARACTER}")


def test_a_late_end_changes_nothing() -> None:
    run = claimed(create())
    late = TaskRun.objects.get(pk=run.pk)
    tasks.finish(run, Outcome(value=1))

    assert not tasks.finish(late, Outcome(failure=FAILURE))
    assert not tasks.finish(run, Outcome(failure=FAILURE))
    assert TaskRun.objects.get(pk=run.pk).status == Status.DONE


def test_an_old_attempt_changes_nothing() -> None:
    run = create(retries=1)
    old = claimed(run)
    tasks.retry(TaskRun.objects.get(pk=run.pk), FAILURE)

    assert not tasks.finish(old, Outcome(value=1))
    assert tasks.renew(old, lease=LEASE, progress=50, related_id="") is None
    claimed(run, 2)
    assert not tasks.finish(old, Outcome(value=1))
    assert not tasks.retry(old, FAILURE)
    assert tasks.renew(old, lease=LEASE, progress=50, related_id="") is None


def test_a_retry_is_an_attempt_of_the_same_record() -> None:
    run = claimed(create(retries=1))

    assert tasks.retry(run, FAILURE)

    stored = TaskRun.objects.get(pk=run.pk)
    assert (stored.status, stored.attempt, stored.message) == (Status.PENDING, 1, "no")
    assert (stored.lease_expires_at, tasks.is_deferred(stored)) == (None, False)
    assert claimed(run, 2).attempt == 2


def test_a_delayed_retry_is_left_to_the_relay() -> None:
    run = claimed(create(retries=1, retry_delay=timedelta(minutes=1)))

    tasks.retry(run, FAILURE)

    assert tasks.is_deferred(TaskRun.objects.get(pk=run.pk))
    assert tasks.claim(run.pk, 2, worker="w", lease=LEASE) is None


def test_a_renewal_writes_the_progress_and_tells_whether_to_stop() -> None:
    run = claimed(create())

    assert tasks.renew(run, lease=LEASE, progress=30, related_id="7") is False
    stored = TaskRun.objects.get(pk=run.pk)
    assert (stored.progress, stored.related_id) == (30, "7")
    tasks.cancel(stored)
    assert tasks.renew(run, lease=None, progress=31, related_id="7") is True


def test_what_waits_is_cancelled_at_once() -> None:
    run = create()

    assert tasks.cancel(run)

    assert TaskRun.objects.get(pk=run.pk).status == Status.CANCELLED
    assert tasks.claim(run.pk, 1, worker="w", lease=LEASE) is None


def test_what_is_finished_cannot_be_cancelled() -> None:
    run = claimed(create())
    tasks.finish(run, Outcome(value=1))

    assert not tasks.cancel(run)


def test_a_result_is_kept_no_longer_than_it_is_wanted() -> None:
    run = create(result_ttl=timedelta(hours=1))
    tasks.finish(claimed(run), Outcome(value=1))

    run.refresh_from_db()
    assert run.result_expires_at is not None
    assert run.finished_at is not None
    assert run.result_expires_at - run.finished_at == timedelta(hours=1)


def test_a_cancelled_attempt_ends_as_such() -> None:
    run = claimed(create())

    tasks.finish(run, Outcome(failure=tasks.cancelled("Traceback ...")))

    stored = TaskRun.objects.get(pk=run.pk)
    assert (stored.status, stored.exception) == ("CANCELLED", "windsock.errors.Cancelled")
    assert (stored.message, stored.traceback) == ("A person cancelled this task.", "Traceback ...")


def test_a_request_to_cancel_is_noted_whatever_the_caller_saw_last() -> None:
    seen_waiting = create()
    run = claimed(seen_waiting)

    assert tasks.cancel(seen_waiting)
    assert seen_waiting.status == Status.PROCESSING
    first = seen_waiting.cancel_requested_at
    assert tasks.cancel(run)
    assert run.cancel_requested_at == first


def test_what_is_to_be_cancelled_is_not_tried_again() -> None:
    run = claimed(create(retries=1))
    tasks.cancel(TaskRun.objects.get(pk=run.pk))

    assert not tasks.retry(run, FAILURE)
    assert TaskRun.objects.get(pk=run.pk).status == Status.PROCESSING


def test_who_listens_hears_of_a_cancel(django_capture_on_commit_callbacks: Any) -> None:
    heard: list[Any] = []

    def listen(task_result: Any, **_: object) -> None:
        heard.append(task_result.id)

    run = create()
    task_finished.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            tasks.cancel(run)
    finally:
        task_finished.disconnect(listen)

    assert heard == [str(run.pk)]


@pytest.mark.parametrize(
    ("delay", "attempt", "expected"),
    [
        (timedelta(minutes=1), 1, timedelta(minutes=1)),
        (timedelta(minutes=1), 4, timedelta(minutes=8)),
        (timedelta(minutes=1), 100, timedelta(days=1)),
        (timedelta(days=400), 100, timedelta(days=1)),
    ],
)
def test_a_retry_waits_longer_each_time_but_a_day_at_most(
    delay: timedelta, attempt: int, expected: timedelta
) -> None:
    run = claimed(create(retries=100, retry_delay=delay))
    TaskRun.objects.update(attempt=attempt)
    run.attempt = attempt

    tasks.retry(run, FAILURE)

    stored = TaskRun.objects.get(pk=run.pk)
    assert stored.run_after is not None
    waits = stored.run_after - stored.updated_at
    assert expected * 0.85 <= waits <= min(expected * 1.15, timedelta(days=1))


def test_retries_do_not_come_back_all_at_once() -> None:
    runs = [claimed(create(retries=1, retry_delay=timedelta(hours=1))) for _ in range(20)]
    for run in runs:
        tasks.retry(run, FAILURE)

    waits = {run.run_after - run.updated_at for run in TaskRun.objects.all() if run.run_after}
    assert max(waits) - min(waits) > timedelta(minutes=2)


def test_an_attempt_that_is_given_up_can_be_ended_at_once() -> None:
    run = claimed(create())

    assert tasks.give_up(run, tasks.out_of_time(run))

    stored = TaskRun.objects.get(pk=run.pk)
    assert stored.lease_expires_at is not None
    assert stored.lease_expires_at <= timezone.now()
    assert stored.exception == "windsock.errors.TimedOut"
    tasks.finish(run, Outcome(value=1))
    assert not tasks.give_up(run)


def test_what_a_dead_worker_holds_is_given_up_and_nothing_else() -> None:
    mine, ended = claimed(create()), claimed(create())
    tasks.finish(ended, Outcome(value=1))
    other = tasks.claim(create().pk, 1, worker="w:2", lease=LEASE)
    assert other is not None

    assert tasks.release("w")

    expired = TaskRun.objects.filter(lease_expires_at__lte=timezone.now())
    assert [run.pk for run in expired] == [mine.pk]
    assert not tasks.release("nobody")


def test_a_message_without_end_is_kept_in_part() -> None:
    run = claimed(create())
    endless = Failure(exception="x" * 400, message="a" + "m" * 10**6 + "z", traceback="t" * 10**6)

    tasks.finish(run, Outcome(failure=endless))

    stored = TaskRun.objects.get(pk=run.pk)
    assert (stored.message[0], stored.message[-1]) == ("a", "z")
    assert len(stored.message) <= tasks.MESSAGE_LIMIT + 50
    assert len(stored.traceback) <= tasks.TRACEBACK_LIMIT + 50


def test_sensitive_values_do_not_get_into_the_failure() -> None:
    run = claimed(create())
    run.kwargs, run.sensitive = {"password": "open sesame"}, ["password"]
    failure = Failure(exception="x", message="wrong: open sesame", traceback="at 'open sesame'")

    tasks.finish(run, Outcome(failure=failure))

    stored = TaskRun.objects.get(pk=run.pk)
    assert "sesame" not in stored.message + stored.traceback


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("event", EventKind)
def test_statements_and_state_machine_say_the_same(status: Status, event: EventKind) -> None:
    """A record in each status, and what each event makes of it."""
    run = create(retries=5)
    TaskRun.objects.update(status=status)
    run.refresh_from_db()
    deeds: dict[EventKind, Callable[[], object]] = {
        EventKind.STARTED: lambda: tasks.claim(run.pk, 1, worker="w", lease=LEASE),
        EventKind.SUCCEEDED: lambda: tasks.finish(run, Outcome(value=1)),
        EventKind.FAILED: lambda: tasks.finish(run, Outcome(failure=FAILURE)),
        EventKind.SKIPPED: lambda: tasks.finish(run, Outcome(skipped=True)),
        EventKind.RETRIED: lambda: tasks.retry(run, FAILURE),
        EventKind.CANCELLED: lambda: tasks.finish(run, Outcome(failure=tasks.cancelled())),
    }
    deeds[event]()

    assert TaskRun.objects.get().status == TRANSITIONS.get((status, event), status)
