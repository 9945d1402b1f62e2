import asyncio

import pytest

from windsock.django.context import TaskContext
from windsock.django.heartbeat import Pulse, Reason
from windsock.django.models import TaskRun


@pytest.fixture
def context() -> TaskContext:
    run = TaskRun(attempt=3)
    return TaskContext(task_result=None, run=run, pulse=Pulse(run))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("done", "total", "percent"), [(1, 3, 33), (0, 5, 0), (5, 5, 100), (9, 5, 100), (-1, 5, 0), (1, 0, 0)]
)
def test_progress_is_whole_per_cents(context: TaskContext, done: int, total: int, percent: int) -> None:
    context.progress(done, total)

    assert context.pulse.percent == percent


def test_progress_is_per_cents_without_a_total(context: TaskContext) -> None:
    context.progress(40)

    assert context.pulse.percent == 40


def test_an_async_task_reports_likewise(context: TaskContext) -> None:
    asyncio.run(context.aprogress(1, 2))

    assert context.pulse.percent == 50


def test_the_context_tells_the_attempt_and_whether_to_stop(context: TaskContext) -> None:
    assert (context.attempt, context.cancelled) == (3, False)

    context.pulse.reason = Reason.CANCEL
    assert context.cancelled


def test_the_row_may_be_named_when_it_is_known(context: TaskContext) -> None:
    context.relate(7)

    assert context.pulse.related_id == "7"
