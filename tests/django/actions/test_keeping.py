from datetime import timedelta

import pytest
from django.db import transaction
from tests.django import jobs

from windsock.django.actions import enqueueing, tasks
from windsock.django.actions.keeping import keep
from windsock.django.models import TaskRun
from windsock.errors import Lost

pytestmark = pytest.mark.django_db

LEASE = timedelta(seconds=30)


def claimed(attempt: int = 1) -> TaskRun:
    run = enqueueing.create(jobs.add.using(retries=1), [1], {})
    found = tasks.claim(run.pk, attempt, worker="w", lease=LEASE)
    assert found is not None
    return found


def test_the_next_attempt_finds_what_was_kept() -> None:
    run = claimed()

    keep(run, {"success": True}, related_id="7")
    tasks.retry(run, tasks.out_of_time(run))

    again = tasks.claim(run.pk, 2, worker="w", lease=LEASE)
    assert again is not None
    assert (again.result, again.related_id) == ({"success": True}, "7")


def test_what_is_rolled_back_is_not_kept() -> None:
    run = claimed()

    with transaction.atomic():
        keep(run, {"success": True}, related_id="7")
        transaction.set_rollback(True)

    run.refresh_from_db()
    assert (run.result, run.related_id) == (None, "")


def test_an_attempt_that_was_ended_elsewhere_may_not_go_on() -> None:
    run = claimed()
    TaskRun.objects.update(attempt=2)

    with pytest.raises(Lost):
        keep(run, {"success": True}, related_id="7")
