from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone
from tests.django import jobs, keyed_jobs

from windsock.django.compat import TaskResultStatus, task, task_backends, task_finished, task_started
from windsock.django.models import ApiToken, TaskRun
from windsock.django.testing import run_enqueued

pytestmark = pytest.mark.django_db


@pytest.fixture
def immediate() -> Iterator[None]:
    with override_settings(TASKS={"default": {"BACKEND": "windsock.django.testing.ImmediateBackend"}}):
        yield


@pytest.mark.usefixtures("immediate")
def test_the_immediate_backend_leaves_a_finished_record() -> None:
    result = jobs.add.enqueue(1)

    assert (result.status, result.return_value) == (TaskResultStatus.SUCCESSFUL, 2)
    assert TaskRun.objects.get().status == "DONE"


@pytest.mark.usefixtures("immediate")
def test_the_immediate_backend_tries_again_at_once() -> None:
    assert jobs.fail_at_first.enqueue().return_value == 3
    assert jobs.fail_slowly.enqueue().attempts == 2


def test_the_dummy_backend_takes_our_options_and_runs_nothing() -> None:
    with override_settings(TASKS={"default": {"BACKEND": "windsock.django.testing.DummyBackend"}}):
        declared = task(retries=4, timeout=timedelta(seconds=1))(jobs.add.func)
        declared.enqueue(1)

        assert [result.args for result in task_backends["default"].results] == [[1]]  # type: ignore[attr-defined]
    assert not TaskRun.objects.exists()


@pytest.mark.usefixtures("immediate")
def test_the_immediate_backend_takes_many_and_knows_doubles() -> None:
    results = keyed_jobs.sync.enqueue_many([(("x",), {}), (("y",), {}), (("x",), {})])

    assert [result.return_value for result in results] == ["x", "y", "x"]
    assert TaskRun.objects.count() == 2
    assert keyed_jobs.sync.enqueue("x").id != results[0].id, "the first one is finished"
    assert keyed_jobs.nest.enqueue(1).return_value is False, "the inner one is the outer one"


@pytest.fixture
def dummy() -> Iterator[Any]:
    with override_settings(TASKS={"default": {"BACKEND": "windsock.django.testing.DummyBackend"}}):
        yield task_backends["default"]


def test_the_dummy_backend_takes_many_and_knows_doubles(dummy: Any) -> None:
    results = keyed_jobs.sync.enqueue_many([(("x",), {}), (("y",), {}), (("x",), {})])

    assert [result.args for result in dummy.results] == [["x"], ["y"]]
    assert [result.id for result in results] == [dummy.results[place].id for place in (0, 1, 0)]
    with pytest.raises(TypeError):
        keyed_jobs.sync.enqueue_many([(("z",), {}), ((object(),), {})])
    assert len(dummy.results) == 2


def test_the_dummy_backend_shows_no_sensitive_argument(dummy: Any) -> None:
    assert "top" not in repr(keyed_jobs.sign_in.enqueue("ada", "top"))
    assert "top" not in repr(dummy.results)


def test_run_enqueued_takes_every_option() -> None:
    keyed_jobs.sync.enqueue_many([(("x",), {}), (("x",), {})])
    keyed_jobs.sign_in.enqueue("ada", "top secret")
    heard: list[str] = []

    def listen(task_result: Any, **_: Any) -> None:
        heard.append(task_result.status)

    for signal in (task_started, task_finished):
        signal.connect(listen)
    try:
        done = run_enqueued()
    finally:
        for signal in (task_started, task_finished):
            signal.disconnect(listen)

    assert [(run.status, run.result) for run in done] == [("DONE", "x"), ("DONE", "ada")]
    assert done[1].result_expires_at is not None
    assert heard == ["RUNNING", "SUCCESSFUL"] * 2


def test_what_was_enqueued_in_a_test_runs_on_demand() -> None:
    jobs.enqueue_add.enqueue(1)
    jobs.fail_at_first.enqueue()
    jobs.report.enqueue()

    done = run_enqueued()

    assert [(run.name, run.status) for run in done] == [
        ("enqueue_add", "DONE"),
        ("fail_at_first", "DONE"),
        ("report", "DONE"),
        ("add", "DONE"),
    ]


def test_what_is_due_later_stays() -> None:
    jobs.add.using(run_after=timezone.now() + timedelta(hours=1)).enqueue(1)

    assert run_enqueued() == []


def test_a_task_that_fails_does_not_break_the_tests_transaction() -> None:
    jobs.count.enqueue("same")
    jobs.count.enqueue("same")

    first, second = run_enqueued()

    assert (first.status, second.status) == ("DONE", "FAILED")
    assert ApiToken.objects.count() == 1
    assert not connection.needs_rollback
    assert transaction.get_connection().in_atomic_block
