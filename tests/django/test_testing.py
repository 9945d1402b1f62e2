from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone
from tests.django import jobs

from windsock.django.compat import TaskResultStatus, task, task_backends
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
