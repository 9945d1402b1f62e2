import pytest
from django.db import IntegrityError, connection, transaction

from windsock.django.models import TaskRun, Workflow, WorkflowRun
from windsock.run import Status

pytestmark = pytest.mark.django_db


def test_the_statuses_are_those_of_the_core() -> None:
    assert set(TaskRun.Status.values) == {str(status) for status in Status}


def test_the_words_of_the_queryset_part_all_statuses() -> None:
    for status in Status:
        TaskRun.objects.create(task="shop.tasks.sync", name="sync", status=status)

    assert TaskRun.objects.pending().count() == 1
    assert TaskRun.objects.processing().count() == 1
    assert TaskRun.objects.finished().count() == 4


def test_a_step_has_one_record_in_each_generation_of_a_run() -> None:
    run = WorkflowRun.objects.create(workflow=Workflow.objects.create(id="w", source="test"), run_id="r")
    values = {"task": "shop.tasks.sync", "name": "sync", "workflow_run": run, "step": "sync"}
    TaskRun.objects.create(**values)

    TaskRun.objects.create(**values, generation=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        TaskRun.objects.create(**values)


def test_the_relay_finds_what_is_due_by_a_partial_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'windsock_task_due'")
        (definition,) = cursor.fetchone()

    assert "WHERE" in definition
    assert "PENDING" in definition
