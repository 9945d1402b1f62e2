from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.django import jobs

from windsock.call import Failure, Outcome
from windsock.django.actions import enqueueing, tasks
from windsock.django.models import TaskRun
from windsock.run import Status

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
