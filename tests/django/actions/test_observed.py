import pytest

from windsock.django.actions import enqueueing, observed, tasks
from windsock.django.actions.observed import Seen
from windsock.django.models import TaskRun
from windsock.django.models.keys import uuid7
from windsock.errors import WrongStatus
from windsock.run import Status

pytestmark = pytest.mark.django_db


def test_a_late_message_does_not_hide_what_the_worker_said() -> None:
    seen = Seen(id=uuid7(), task="shop.tasks.sync")
    observed.began(seen, attempt=1, worker="w")
    observed.published(seen)
    run = TaskRun.objects.get()
    assert (run.status, run.name, run.queue_name) == (Status.PROCESSING, "sync", "celery")
    assert observed.is_observed(run)


def test_a_finished_record_never_goes_back() -> None:
    seen = Seen(id=uuid7(), task="shop.tasks.sync")
    observed.began(seen, attempt=1, worker="w")
    observed.ended(seen.id, Status.DONE, result=1)
    observed.began(seen, attempt=2, worker="another")
    observed.ended(seen.id, Status.FAILED, exception="builtins.ValueError")
    run = TaskRun.objects.get()
    assert (run.status, run.attempt, run.result, run.exception) == (Status.DONE, 1, 1, "")


def test_only_what_was_observed_is_written() -> None:
    ours = TaskRun.objects.create(task="a.b", name="b", status=Status.PROCESSING)
    observed.ended(ours.pk, Status.DONE)
    ours.refresh_from_db()
    assert ours.status == Status.PROCESSING
    assert not observed.is_observed(ours)


def test_texts_that_the_table_refuses_are_cleaned() -> None:
    seen = Seen(id=uuid7(), task="x" * 600)
    observed.began(seen, attempt=1, worker="w" * 300)
    observed.ended(seen.id, Status.FAILED, exception="e" * 400, message="a\x00b", traceback="t")
    run = TaskRun.objects.get()
    assert "\x00" not in run.message
    assert (len(run.exception), len(run.task), len(run.name)) == (300, 500, 200)


def test_nothing_can_be_done_to_it_here() -> None:
    seen = Seen(id=uuid7(), task="shop.tasks.sync")
    observed.published(seen)
    assert not tasks.cancel(TaskRun.objects.get())
    observed.ended(seen.id, Status.FAILED)
    with pytest.raises(WrongStatus, match="'celery'"):
        enqueueing.repeat(TaskRun.objects.get(), owner=None)
    assert TaskRun.objects.get().status == Status.FAILED
