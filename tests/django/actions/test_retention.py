from datetime import timedelta

import pytest
from django.utils import timezone

from windsock.django.actions import retention
from windsock.django.models import TaskRun
from windsock.run import Status

pytestmark = pytest.mark.django_db


def finished(**fields: object) -> TaskRun:
    ended = {"status": Status.DONE, "finished_at": timezone.now()}
    return TaskRun.objects.create(task="a.b", name="b", **ended | fields)


def test_a_look_goes_on_behind_the_last_one() -> None:
    runs = [finished() for _ in range(3)]
    soon = timezone.now() + timedelta(minutes=1)

    first, last = retention.old_tasks(Status.DONE, soon, after=retention.NOTHING, limit=2)
    assert first == [runs[0].pk, runs[1].pk]
    assert last == runs[1].pk
    assert retention.old_tasks(Status.DONE, soon, after=last, limit=2) == ([runs[2].pk], None)


def test_what_runs_is_not_deleted_whoever_asks() -> None:
    busy = finished(status=Status.PROCESSING)

    assert retention.delete_tasks([busy.pk]) == 0
    assert retention.delete_tasks([]) == 0
    assert TaskRun.objects.filter(pk=busy.pk).exists()


def test_a_retry_and_what_it_retried_go_together() -> None:
    first = finished()
    second = finished(retry_of=first)

    assert retention.delete_tasks([first.pk, second.pk]) == 2
