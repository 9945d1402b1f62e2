"""For the tests of a project: backends that need no broker, and a way to run what was enqueued.

Django's own immediate and dummy backends refuse the options of ``TrackedTask``; these take them.
"""

from collections.abc import Iterable
from copy import deepcopy
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import get_random_string

from windsock.call import Outcome
from windsock.django import compat
from windsock.django.actions import tasks
from windsock.django.execution import execute_run
from windsock.django.heartbeat import Pulse
from windsock.django.models import TaskRun
from windsock.django.recording import RecordingBackend
from windsock.django.results import TrackedResult
from windsock.django.signalling import tell
from windsock.django.tasks import ArgsAndKwargs, TrackedTask

LEASE = timedelta(hours=1)


class ImmediateBackend(RecordingBackend):
    """Runs a task inside ``enqueue`` and leaves its record; retries follow at once."""

    supports_defer = False

    def deliver(self, run: TaskRun) -> None:
        """Run it to its end."""
        run_now(run)

    def enqueue_many(
        self, task: "compat.Task[..., Any]", calls: Iterable[ArgsAndKwargs]
    ) -> "list[compat.TaskResult[Any]]":
        """Return the results as they are after the runs."""
        return [self.get_result(result.id) for result in super().enqueue_many(task, calls)]


class DummyBackend(compat.DummyBackend):
    """Runs nothing, needs no database, and keeps what was enqueued in ``results``."""

    task_class = TrackedTask  # type: ignore[assignment]

    def enqueue(self, task: "compat.Task[..., Any]", args: Any, kwargs: Any) -> "compat.TaskResult[Any]":
        """Keep the call, unless ``unique_on`` says that it is kept already."""
        return self.enqueue_many(task, [(args, kwargs)])[0]

    def enqueue_many(
        self, task: "compat.Task[..., Any]", calls: Iterable[ArgsAndKwargs]
    ) -> "list[compat.TaskResult[Any]]":
        """Keep all of the calls, or none when one is refused."""
        self.validate_task(task)
        if not isinstance(task, TrackedTask):
            raise compat.InvalidTask(f"{task.module_path} was declared for another backend.")
        before = len(self.results)
        try:
            kept = [self._keep(task, args, kwargs) for args, kwargs in calls]
        except Exception:
            del self.results[before:]
            raise
        for result in self.results[before:]:
            compat.task_enqueued.send(type(self), task_result=result)
        return [deepcopy(result) for result in kept]

    async def aenqueue_many(
        self, task: "compat.Task[..., Any]", calls: Iterable[ArgsAndKwargs]
    ) -> "list[compat.TaskResult[Any]]":
        """Do the same in async code."""
        return await sync_to_async(self.enqueue_many, thread_sensitive=True)(task, calls)

    def _keep(self, task: TrackedTask, args: Any, kwargs: Any) -> "compat.TaskResult[Any]":
        key = task.unique_key(args, kwargs)
        for kept in self.results if key is not None else ():
            same = kept.task.unique_key(kept.args, kept.kwargs) == key  # type: ignore[attr-defined]
            if same and not kept.is_finished:
                return kept
        result = TrackedResult(
            task=task,
            id=get_random_string(32),
            status=compat.TaskResultStatus.READY,
            enqueued_at=timezone.now(),
            started_at=None,
            last_attempted_at=None,
            finished_at=None,
            args=args,
            kwargs=kwargs,
            backend=self.alias,
            errors=[],
            worker_ids=[],
            hidden=tuple(task.hidden(args)),
        )
        self.results.append(result)
        return result


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
        tell(compat.task_started, claimed)
        outcome = _execute(claimed)
        failure = outcome.failure
        if failure is None or not failure.retry or attempt >= claimed.max_attempts:
            if tasks.finish(claimed, outcome):
                tell(compat.task_finished, claimed)
            return
        claimed.retry_delay = timedelta(0)
        if not tasks.retry(claimed, failure):
            tasks.finish(claimed, Outcome(failure=tasks.cancelled(failure.traceback)))


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
