import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from tests.django import jobs
from tests.django.actions.conftest import STEP, Begin

from windsock.call import Outcome
from windsock.django.actions import steps
from windsock.django.actions.step_records import insert, latest_of, new_record, open_run
from windsock.django.models import TaskRun, Workflow, WorkflowRun
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


def opened(run_id: str = "new", **changes: Any) -> tuple[WorkflowRun, bool]:
    fields = {"origin": "schedule", "revision": 3, "params": {"day": ["mon"]}}
    with transaction.atomic():
        return open_run("a", run_id, **{**fields, **changes})


def test_a_run_that_is_not_there_is_made(workflow: Workflow) -> None:
    made, is_new = opened()

    assert is_new
    kept = WorkflowRun.objects.get()
    assert {name: value for name, value in vars(made).items() if name != "_state"} == {
        name: value for name, value in vars(kept).items() if name != "_state"
    }
    assert (kept.status, kept.origin, kept.revision, kept.params) == (
        *("PROCESSING", "schedule", 3),
        {"day": ["mon"]},
    )
    assert kept.created_at == kept.updated_at == kept.started_at


def test_a_run_that_is_there_is_taken_as_it_is(run: WorkflowRun) -> None:
    found, is_new = opened("r", params={"other": 1})

    assert not is_new
    assert (found.pk, found.status, found.params, found.updated_at) == (
        *(run.pk, "PENDING"),
        *({}, run.updated_at),
    )
    assert WorkflowRun.objects.count() == 1


def test_the_key_of_a_requested_run_is_never_given_twice(workflow: Workflow) -> None:
    key = uuid4()
    assert opened(f"windsock__{key}")[0].pk == key
    Workflow.objects.create(id="b", source="test")
    with transaction.atomic(), pytest.raises(IntegrityError):
        open_run("b", f"windsock__{key}", origin="request", revision=3, params={})


@pytest.mark.django_db(transaction=True)
def test_a_run_that_somebody_makes_meanwhile_is_waited_for(
    workflow: Workflow, wait_until: Callable[..., None]
) -> None:
    found: list[tuple[WorkflowRun, bool]] = []

    def late() -> None:
        found.append(opened())
        connection.close()

    def is_waiting() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return bool(cursor.fetchone()[0])

    with transaction.atomic():
        first, _ = open_run("a", "new", origin="schedule", revision=3, params={})
        thread = threading.Thread(target=late)
        thread.start()
        wait_until(is_waiting)
    thread.join(20)

    [(run, is_new)] = found
    assert (run.pk, is_new) == (first.pk, False)


@pytest.mark.parametrize("within", [True, False])
def test_an_inserted_record_is_what_the_orm_would_keep(run: WorkflowRun, within: bool) -> None:
    record = new_record(run, Step(name="one", task=jobs.report.module_path), 3, attempt=1)
    record.args, record.kwargs = [1, {"a": None}], {"b": "c"}
    run.message = "changed"
    insert(record, "streams", within=run if within else None)

    kept = TaskRun.objects.values().get()
    assert kept == {name: getattr(record, name) for name in kept}
    assert WorkflowRun.objects.get().message == ("changed" if within else "")
    record.message = "later"
    record.save()
    assert TaskRun.objects.get().message == "later"
