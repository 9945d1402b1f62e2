"""For the tests of a project: backends that need no broker, and a way to run what was enqueued.

Django's own immediate and dummy backends refuse the options of ``TrackedTask``; these take them.
"""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from windsock.call import Outcome
from windsock.django import compat
from windsock.django.actions import tasks
from windsock.django.execution import execute_run
from windsock.django.heartbeat import Pulse
from windsock.django.models import TaskRun
from windsock.django.recording import RecordingBackend
from windsock.django.tasks import TrackedTask

LEASE = timedelta(hours=1)


class ImmediateBackend(RecordingBackend):
    """Runs a task inside ``enqueue`` and leaves its record; retries follow at once."""

    supports_defer = False

    def deliver(self, run: TaskRun) -> None:
        """Run it to its end."""
        run_now(run)

    def enqueue(self, task: "compat.Task[..., Any]", args: Any, kwargs: Any) -> "compat.TaskResult[Any]":
        """Return the result as it is after the run."""
        return self.get_result(super().enqueue(task, args, kwargs).id)


class DummyBackend(compat.DummyBackend):
    """Runs nothing, needs no database, and keeps what was enqueued in ``results``."""

    task_class = TrackedTask  # type: ignore[assignment]


class _InlinePulse(Pulse):
    """Writes at once over the test's own connection, which alone sees the rows of its transaction."""

    def changed(self) -> None:
        self.beat()


def run_enqueued() -> list[TaskRun]:
    """Run every task that is due, and what these enqueue, in the order in which they were enqueued.

    For ``TestCase``, in which nothing is ever committed and so nothing is sent. A failing task leaves no
    changes behind there, because its savepoint is rolled back.

    Returns:
        The records, as they are afterwards.
    """
    done: list[TaskRun] = []
    while run := _due().order_by("created_at", "id").first():
        run_now(run)
        done.append(run)
    for run in done:
        run.refresh_from_db()
    return done


def run_now(run: TaskRun) -> None:
    """Run one PENDING record to its end, with its retries and without their delays."""
    key, attempt = run.pk, run.attempt
    while claimed := tasks.claim(key, attempt := attempt + 1, worker="test", lease=LEASE):
        outcome = _execute(claimed)
        failure = outcome.failure
        if failure is None or not failure.retry or attempt >= claimed.max_attempts:
            tasks.finish(claimed, outcome)
            return
        claimed.retry_delay = timedelta(0)
        tasks.retry(claimed, failure)


def _execute(run: TaskRun) -> Outcome:
    pulse = _InlinePulse(run)
    if not transaction.get_connection(tasks.alias()).in_atomic_block:
        return execute_run(run, pulse=pulse)
    with transaction.atomic(using=tasks.alias()):
        outcome = execute_run(run, pulse=pulse)
        if outcome.failure is not None:
            transaction.set_rollback(True, using=tasks.alias())
    return outcome


def _due() -> Any:
    pending = TaskRun.objects.using(tasks.alias()).pending().filter(workflow_run__isnull=True)
    return pending.filter(Q(run_after__isnull=True) | Q(run_after__lte=Now()))
