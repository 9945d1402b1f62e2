import pytest
from tests.django import jobs

from windsock.django.actions import enqueueing
from windsock.django.compat import TaskResultStatus
from windsock.django.models import TaskRun
from windsock.django.results import result_of
from windsock.errors import Cancelled, UnknownTask
from windsock.run import Status

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_its_place_in_djangos(status: Status) -> None:
    run = enqueueing.create(jobs.add, [1], {})
    TaskRun.objects.update(status=status, result=3)
    run.refresh_from_db()

    result = result_of(run)

    assert result.is_finished is status.is_finished
    if status is Status.DONE:
        assert result.return_value == 3
    if status is Status.SKIPPED:
        assert (result.status, result.return_value) == (TaskResultStatus.SUCCESSFUL, None)
    if status is Status.CANCELLED:
        assert result.errors[0].exception_class is Cancelled


def test_the_result_shows_the_record() -> None:
    run = enqueueing.create(jobs.add.using(priority=9), [1], {"b": 2})
    TaskRun.objects.update(attempt=2, worker="w", exception="builtins.ValueError", traceback="t")
    run.refresh_from_db()

    result = result_of(run)

    assert (result.id, result.args, result.kwargs) == (str(run.pk), [1], {"b": 2})
    assert (result.task.func, result.task.priority, result.attempts) == (jobs.add.func, 9, 2)
    assert result.errors[0].exception_class is ValueError


def test_a_task_that_is_gone_is_unknown() -> None:
    with pytest.raises(UnknownTask):
        result_of(TaskRun(task="tests.django.jobs.gone"))
