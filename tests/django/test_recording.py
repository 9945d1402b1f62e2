import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.db import transaction
from tests.django import jobs, keyed_jobs

from windsock.django.compat import TaskResultDoesNotExist, TaskResultStatus, task_backends, task_enqueued
from windsock.django.models import TaskRun
from windsock.django.tasks import Label, acting_as

pytestmark = pytest.mark.django_db


def test_the_record_exists_before_anything_else_happens() -> None:
    result = jobs.add.enqueue(1, b=2)

    run = TaskRun.objects.get(pk=result.id)
    assert (run.args, run.kwargs, run.status) == ([1], {"b": 2}, "PENDING")
    assert result.status == TaskResultStatus.READY


def test_the_result_names_the_task_that_was_enqueued() -> None:
    other = jobs.add.using(priority=5, label=Label(name="other"))

    assert other.enqueue(1).task == other


def test_the_record_goes_with_the_callers_transaction() -> None:
    with transaction.atomic():
        jobs.add.enqueue(1)
        transaction.set_rollback(True)

    assert not TaskRun.objects.exists()


def test_the_record_belongs_to_whoever_is_acting() -> None:
    ada = get_user_model().objects.create_user("ada")

    with acting_as(ada):
        jobs.add.enqueue(1)

    assert TaskRun.objects.get().owner == ada


def test_whoever_listens_is_told() -> None:
    told: list[str] = []

    def listen(task_result: object, **_: object) -> None:
        told.append(task_result.id)  # type: ignore[attr-defined]

    task_enqueued.connect(listen)
    try:
        result = jobs.add.enqueue(1)
    finally:
        task_enqueued.disconnect(listen)

    assert told == [result.id]


def test_a_result_is_found_by_its_id_and_refreshed() -> None:
    result = jobs.add.enqueue(1)
    TaskRun.objects.update(status="DONE", result=2)

    result.refresh()

    assert result.return_value == 2
    assert jobs.add.get_result(result.id).return_value == 2


@pytest.mark.parametrize("key", ["019a1fce-b2f3-7f7d-8a0e-c85a934806e5", "nonsense"])
def test_an_unknown_result_does_not_exist(key: str) -> None:
    with pytest.raises(TaskResultDoesNotExist):
        task_backends["default"].get_result(key)


@pytest.mark.django_db(transaction=True)
def test_async_code_enqueues_and_reads_too(broker: object) -> None:
    async def go() -> object:
        result = await jobs.add_later.aenqueue(1, 2)
        return (await jobs.add_later.aget_result(result.id)).status

    assert async_to_sync(go)() == TaskResultStatus.READY


@pytest.mark.django_db(transaction=True)
def test_async_code_enqueues_many(broker: object) -> None:
    async def go() -> list[object]:
        results = await jobs.add_later.aenqueue_many([((1, 2), {}), ((3,), {"b": 4})])
        return [result.args for result in results]

    assert async_to_sync(go)() == [[1, 2], [3]]


def test_whoever_listens_is_told_of_each_new_one_and_of_no_double() -> None:
    told: list[str] = []

    def listen(task_result: object, **_: object) -> None:
        told.append(task_result.id)  # type: ignore[attr-defined]

    task_enqueued.connect(listen)
    try:
        results = keyed_jobs.sync.enqueue_many([(("x",), {}), (("y",), {}), (("x",), {})])
    finally:
        task_enqueued.disconnect(listen)

    assert told == [results[0].id, results[1].id]
