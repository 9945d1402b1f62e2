import pytest
from tests.django import jobs
from tests.django.actions.conftest import STEP, Begin

from windsock.call import Outcome
from windsock.django.actions import steps
from windsock.django.actions.step_records import latest_of, new_record
from windsock.django.models import TaskRun, WorkflowRun
from windsock.workflow import Step

pytestmark = pytest.mark.django_db


def test_the_newest_generation_is_the_latest(begin: Begin, run: WorkflowRun) -> None:
    assert latest_of(run, "one", -1) is None
    steps.end(begin(1), Outcome(value=1))
    steps.end(begin(2), Outcome(value=2))

    latest = latest_of(run, "one", -1)
    assert latest is not None
    assert (latest.generation, latest.result) == (1, 2)
    assert latest_of(run, "one", 0) is None


def test_a_record_takes_what_its_task_and_its_step_say(run: WorkflowRun) -> None:
    record = new_record(run, Step(name="one", task=jobs.report.module_path), 3)

    assert (record.takes_context, record.map_index, record.step) == (True, 3, "one")
    assert not TaskRun.objects.exists()


def test_a_task_that_is_not_registered_is_recorded_all_the_same(run: WorkflowRun) -> None:
    assert new_record(run, Step(name="one", task="gone.task"), -1).task == "gone.task"
    assert new_record(run, STEP, -1).max_attempts == 1
