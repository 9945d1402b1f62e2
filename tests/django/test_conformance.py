"""What Django's own task tests and those of django-tasks-db assert, asked of this backend.

Each test names the behaviour; where ours differs on purpose its docstring begins with "Ours:". Workers, their
options and pruning of django-tasks-db are not here: ours are Celery's, with tests of their own.
"""

import dataclasses
import pickle
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import django
import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.test import override_settings
from django.utils import timezone
from django.utils.module_loading import import_string
from tests.django import jobs
from tests.django.conftest import Broker

from windsock.django import compat
from windsock.django.celery import CeleryBackend
from windsock.django.compat import InvalidTask, TaskResultDoesNotExist, TaskResultStatus, task, task_backends
from windsock.django.models import TaskRun
from windsock.django.tasks import TrackedTask
from windsock.django.testing import DummyBackend, ImmediateBackend, run_enqueued

pytestmark = pytest.mark.django_db

BACKENDS = {
    "default": {"BACKEND": "windsock.django.celery.CeleryBackend", "QUEUES": ["default", "queue_1"]},
    "immediate": {"BACKEND": "windsock.django.testing.ImmediateBackend", "QUEUES": []},
    "dummy": {"BACKEND": "windsock.django.testing.DummyBackend"},
    "missing": {"BACKEND": "does.not.exist"},
}
SYNC_AND_ASYNC = pytest.mark.parametrize("declared", [jobs.add, jobs.add_later], ids=["sync", "async"])
EVERY = pytest.mark.parametrize("backend", ["default", "immediate", "dummy"])
PENDING = pytest.mark.parametrize("backend", ["default", "dummy"])


@pytest.fixture(autouse=True)
def _backends() -> Iterator[None]:
    with override_settings(TASKS=BACKENDS):
        yield


def aenqueue(declared: Any, *args: Any, **kwargs: Any) -> Any:
    async def go() -> Any:
        return await declared.aenqueue(*args, **kwargs)

    return async_to_sync(go)()


def immediately(declared: Any) -> Any:
    return declared.using(backend="immediate")


class TestDeclaration:
    @pytest.mark.parametrize(
        ("backend", "kind"),
        [("default", CeleryBackend), ("immediate", ImmediateBackend), ("dummy", DummyBackend)],
    )
    def test_a_task_knows_its_backend(self, backend: str, kind: type) -> None:
        assert isinstance(jobs.add.using(backend=backend).get_backend(), kind)
        assert task_backends[backend].alias == backend
        assert task_backends[backend].options == {}

    def test_the_decorator_works_bare_and_with_brackets_sync_and_async(self) -> None:
        for declared in (jobs.add, jobs.add_later, task()(jobs.add.func), task(jobs.add.func)):
            assert isinstance(declared, compat.Task)
            assert isinstance(declared, TrackedTask)

    def test_name_and_path_lead_back_to_the_task(self) -> None:
        assert (jobs.add.name, jobs.add_later.name) == ("add", "add_later")
        assert jobs.add.module_path == "tests.django.jobs.add"
        assert import_string(jobs.add.module_path) is jobs.add

    @pytest.mark.parametrize("function", [any, lambda: None], ids=["builtin", "lambda"])
    def test_a_function_that_is_not_of_a_module_is_refused(self, function: Any) -> None:
        if function is not any:
            function.__qualname__ = "f.<locals>.g"
        with pytest.raises(InvalidTask, match="module level"):
            task()(function)

    def test_a_context_needs_an_argument(self) -> None:
        with pytest.raises(InvalidTask, match="does not have a first argument of 'context'"):
            task(takes_context=True)(jobs.add.func)

    def test_run_after_is_not_for_the_decorator(self) -> None:
        with pytest.raises(TypeError, match="run_after"):
            task(run_after=timezone.now())(jobs.add.func)  # type: ignore[call-overload]

    def test_a_task_is_called_directly_sync_and_async(self) -> None:
        async def go() -> list[Any]:
            return [await jobs.add.acall(1, 2), await jobs.add_later.acall(1, 2)]

        assert [jobs.add.call(1, 2), jobs.add_later.call(1, 2), *async_to_sync(go)()] == [3] * 4

    @pytest.mark.skipif(django.VERSION < (6, 1), reason="from Django 6.1 on")
    def test_tasks_and_results_are_pickled(self) -> None:
        other = jobs.add.using(priority=3, retries=2)
        result = other.enqueue(1)

        assert pickle.loads(pickle.dumps(other)) == other
        assert pickle.loads(pickle.dumps(result)) == result


class TestUsing:
    def test_each_option_is_changed_in_a_copy_only(self) -> None:
        now = timezone.now()
        for name, value in {"priority": 1, "queue_name": "queue_1", "run_after": now}.items():
            before = getattr(jobs.add, name)
            assert getattr(jobs.add.using(**{name: value}), name) == value
            assert getattr(jobs.add, name) == before

    def test_without_options_it_is_an_equal_copy(self) -> None:
        assert jobs.add.using() == jobs.add
        assert jobs.add.using() is not jobs.add

    def test_it_is_chained(self) -> None:
        now = timezone.now()
        first = jobs.add.using(run_after=now)
        second = first.using(priority=10)

        assert (second.priority, second.run_after, first.priority) == (10, now, 0)

    @pytest.mark.parametrize("backend", ["unknown", "missing"])
    def test_a_backend_that_is_not_there_is_refused(self, backend: str) -> None:
        with pytest.raises(ImproperlyConfigured):
            jobs.add.using(backend=backend)

    @pytest.mark.parametrize("priority", [-101, 101, 3.1])
    def test_a_priority_is_a_whole_number_within_a_hundred(self, priority: Any) -> None:
        with pytest.raises(InvalidTask, match="whole number between -100 and 100"):
            jobs.add.using(priority=priority)

    @pytest.mark.parametrize("priority", [-100, 0, 100])
    def test_the_bounds_of_priority_are_allowed(self, priority: int) -> None:
        result = jobs.add.using(priority=priority).enqueue(1)

        assert TaskRun.objects.get(pk=result.id).priority == priority

    def test_a_naive_time_is_refused(self) -> None:
        with pytest.raises(InvalidTask, match="aware"):
            jobs.add.using(run_after=datetime.now())

    def test_a_queue_must_be_one_of_the_backends_unless_it_names_none(self) -> None:
        with pytest.raises(InvalidTask, match="queue-2"):
            jobs.add.using(queue_name="queue-2")
        assert immediately(jobs.add).using(queue_name="queue-2").queue_name == "queue-2"

    def test_a_backend_that_runs_now_takes_no_run_after(self) -> None:
        with pytest.raises(InvalidTask, match="run_after"):
            immediately(jobs.add).using(run_after=timezone.now())


class TestEnqueue:
    @PENDING
    @SYNC_AND_ASYNC
    @pytest.mark.parametrize("way", ["sync", "async"])
    def test_the_result_waits(self, backend: str, declared: Any, way: str) -> None:
        declared = declared.using(backend=backend)
        enqueue = declared.enqueue if way == "sync" else (lambda *a, **k: aenqueue(declared, *a, **k))
        result = enqueue(1, b=3)

        assert (result.status, result.is_finished, result.attempts) == (TaskResultStatus.READY, False, 0)
        assert (result.started_at, result.last_attempted_at, result.finished_at) == (None, None, None)
        assert (result.task, result.args, result.kwargs) == (declared, [1], {"b": 3})
        assert result.enqueued_at <= timezone.now()
        assert (result.errors, result.worker_ids, result.backend) == ([], [], backend)
        with pytest.raises(ValueError, match="Task has not finished yet"):
            _ = result.return_value

    @SYNC_AND_ASYNC
    @pytest.mark.parametrize("way", ["sync", "async"])
    def test_the_immediate_result_is_finished(self, declared: Any, way: str) -> None:
        declared = immediately(declared)
        result = declared.enqueue(1, b=3) if way == "sync" else aenqueue(declared, 1, b=3)

        assert (result.status, result.is_finished, result.attempts) == (TaskResultStatus.SUCCESSFUL, True, 1)
        assert result.enqueued_at <= result.started_at <= result.finished_at
        assert result.last_attempted_at is not None
        assert (result.return_value, result.args, result.kwargs) == (4, [1], {"b": 3})
        assert result.task == declared

    @EVERY
    @pytest.mark.parametrize("way", ["sync", "async", "many"])
    def test_an_argument_that_json_cannot_hold_is_refused(self, backend: str, way: str) -> None:
        declared: Any = jobs.add.using(backend=backend)
        moment = datetime.now()
        enqueue = {
            "sync": lambda: declared.enqueue(moment),
            "async": lambda: aenqueue(declared, moment),
            "many": lambda: declared.enqueue_many([((1,), {}), ((moment,), {})]),
        }
        with pytest.raises(TypeError, match="Unsupported type"):
            enqueue[way]()
        assert not TaskRun.objects.exists()

    def test_the_task_is_checked_again_at_enqueue(self) -> None:
        other = jobs.add.using(queue_name="queue_1")

        with override_settings(TASKS={"default": BACKENDS["default"] | {"QUEUES": ["default"]}}):
            with pytest.raises(InvalidTask, match="queue_1"):
                other.enqueue(1)
            with pytest.raises(InvalidTask, match="queue_1"):
                aenqueue(other, 1)

    def test_without_backends_nothing_is_enqueued(self) -> None:
        with override_settings(TASKS={}), pytest.raises(Exception, match=r"default|declared for another"):
            jobs.add.enqueue(1)

    @EVERY
    def test_signals_tell_each_step(self, backend: str) -> None:
        told: list[tuple[str, str, str]] = []

        def listen(signal: Any, task_result: Any, **_: Any) -> None:
            told.append((names[signal], task_result.id, str(task_result.status)))

        names = {
            compat.task_enqueued: "enqueued",
            compat.task_started: "started",
            compat.task_finished: "finished",
        }
        for signal in names:
            signal.connect(listen)
        try:
            key = jobs.add.using(backend=backend).enqueue(1).id
            run_enqueued()
        finally:
            for signal in names:
                signal.disconnect(listen)

        expected = [("enqueued", key, "READY"), ("started", key, "RUNNING"), ("finished", key, "SUCCESSFUL")]
        assert told == (expected[:1] if backend == "dummy" else expected)

    @pytest.mark.django_db(transaction=True)
    def test_the_record_does_not_wait_for_the_commit_but_the_message_does(self, broker: Broker) -> None:
        """Ours: the message waits; of the record this is what django-tasks-db asserts."""
        with transaction.atomic():
            result = jobs.add.enqueue(1)
            assert result.enqueued_at is not None
            assert TaskRun.objects.filter(pk=result.id).exists()
            assert broker.ask("DBSIZE") == 0
        assert broker.ask("KEYS", "windsock.default*")

    def test_the_immediate_run_does_not_wait_for_the_commit(self) -> None:
        with transaction.atomic():
            assert immediately(jobs.add).enqueue(1).status == TaskResultStatus.SUCCESSFUL

    def test_a_time_keeps_its_moment_in_any_zone(self) -> None:
        moment = timezone.now() + timedelta(hours=3)
        local = moment.astimezone(timezone.get_fixed_timezone(120))

        result = jobs.add.using(run_after=local).enqueue(1)

        assert TaskRun.objects.get(pk=result.id).run_after == moment

    def test_what_is_due_later_waits(self) -> None:
        result = jobs.add.using(run_after=timezone.now() + timedelta(hours=1)).enqueue(1)

        assert run_enqueued() == []
        TaskRun.objects.update(run_after=timezone.now() - timedelta(seconds=1))
        run_enqueued()
        result.refresh()
        assert result.return_value == 2


class TestResult:
    @EVERY
    def test_it_is_found_by_its_id(self, backend: str) -> None:
        """Ours: the immediate backend finds it too, Django's does not."""
        declared = jobs.add.using(backend=backend)
        result = declared.enqueue(1)

        async def go() -> Any:
            return await declared.aget_result(result.id)

        for found in (declared.get_result(result.id), task_backends[backend].get_result(result.id)):
            assert (found.id, found.status, found.args) == (result.id, result.status, [1])
        assert async_to_sync(go)().id == result.id

    @EVERY
    @pytest.mark.parametrize("key", ["123", "019a1fce-b2f3-7f7d-8a0e-c85a934806e5"], ids=["no id", "gone"])
    def test_a_missing_one_does_not_exist(self, backend: str, key: str) -> None:
        declared = jobs.add.using(backend=backend)

        async def go() -> Any:
            return await declared.aget_result(key)

        with pytest.raises(TaskResultDoesNotExist):
            declared.get_result(key)
        with pytest.raises(TaskResultDoesNotExist):
            async_to_sync(go)()

    @EVERY
    def test_that_of_another_task_is_a_mismatch(self, backend: str) -> None:
        result = jobs.add.using(backend=backend).enqueue(1)

        with pytest.raises(Exception, match="Task does not match"):
            jobs.skip.using(backend=backend).get_result(result.id)

    @pytest.mark.parametrize("way", ["sync", "async"])
    def test_refresh_takes_over_what_happened(self, way: str) -> None:
        result = jobs.add.enqueue(1)
        before = dataclasses.asdict(result)
        result.refresh()
        assert dataclasses.asdict(result) == before
        run_enqueued()
        assert result.status == TaskResultStatus.READY

        if way == "sync":
            result.refresh()
        else:
            async_to_sync(result.arefresh)()

        assert (result.status, result.return_value, result.attempts) == (TaskResultStatus.SUCCESSFUL, 2, 1)
        assert None not in (result.started_at, result.finished_at, result.last_attempted_at)

    def test_a_task_that_is_gone_has_no_result(self) -> None:
        result = jobs.add.enqueue(1)
        for path in ("tests.django.jobs.gone", "nowhere.at_all", "tests.django.jobs.Path"):
            TaskRun.objects.update(task=path)
            with pytest.raises(Exception, match="task"):
                task_backends["default"].get_result(result.id)


class TestFailure:
    @pytest.mark.parametrize(
        ("declared", "exception", "text"),
        [(jobs.fail, ValueError, "ValueError: no\n"), (jobs.leave, SystemExit, "SystemExit: 3\n")],
        ids=["exception", "exit"],
    )
    @pytest.mark.parametrize("backend", ["default", "immediate"])
    def test_the_result_says_why(self, declared: Any, exception: type, text: str, backend: str) -> None:
        result = declared.using(backend=backend).enqueue()
        run_enqueued()
        result.refresh()

        assert (result.status, result.is_finished) == (TaskResultStatus.FAILED, True)
        assert result.enqueued_at <= result.started_at <= result.finished_at
        (error,) = result.errors
        assert error.exception_class is exception
        assert error.traceback.endswith(text)
        with pytest.raises(ValueError, match="Task failed"):
            _ = result.return_value

    def test_a_value_that_json_cannot_hold_fails_with_type_error(self) -> None:
        result = immediately(jobs.unfit).enqueue()

        assert result.status == TaskResultStatus.FAILED
        assert result.errors[0].exception_class is TypeError

    @pytest.mark.parametrize(
        ("path", "error"), [("subprocess.run", ValueError), ("does.not.exist", ImportError)]
    )
    def test_a_path_that_names_no_exception_says_so(self, path: str, error: type[Exception]) -> None:
        result = immediately(jobs.fail).enqueue()
        object.__setattr__(result.errors[0], "exception_class_path", path)

        with pytest.raises(error):
            _ = result.errors[0].exception_class

    def test_ctrl_c_reaches_whoever_runs_the_task(self) -> None:
        with pytest.raises(KeyboardInterrupt):
            immediately(interrupt).enqueue()


class TestContext:
    def test_it_knows_result_and_attempt(self) -> None:
        result = immediately(tell).enqueue()

        assert result.return_value == [result.id, 1]


class TestDummy:
    def test_results_are_kept_compared_and_cleared(self) -> None:
        backend: Any = task_backends["dummy"]
        result = jobs.add.using(backend="dummy").enqueue(1)

        assert backend.results == [result]
        assert backend.results[0] is not result
        object.__setattr__(backend.results[0], "status", TaskResultStatus.SUCCESSFUL)
        assert result.status == TaskResultStatus.READY
        result.refresh()
        assert result.status == TaskResultStatus.SUCCESSFUL
        backend.clear()
        assert backend.results == []


@task
def interrupt() -> None:
    raise KeyboardInterrupt


@task(takes_context=True)
def tell(context: compat.TaskContext) -> list[Any]:
    return [context.task_result.id, context.attempt]
