from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.utils import timezone
from tests.django import jobs, keyed_jobs
from tests.django.conftest import Broker

from windsock.call import Failure
from windsock.django.actions import enqueueing, inserting, tasks
from windsock.django.celery import sending
from windsock.django.models import TaskRun
from windsock.django.tasks import Label
from windsock.errors import WrongStatus
from windsock.run import Status

pytestmark = pytest.mark.django_db

LEASE = timedelta(seconds=30)
FAILURE = Failure(exception="builtins.ValueError", message="no", traceback="Traceback ...")


def create(task: Any = jobs.add, **options: Any) -> TaskRun:
    return enqueueing.create(task.using(**options), [1], {"b": 2})


def test_the_record_says_what_was_asked_for_and_by_whom() -> None:
    ada = get_user_model().objects.create_user("ada")
    label = Label(name="sum", operation="READ", related_table="t", related_id="7", input_data={"a": 1})

    run = enqueueing.create(jobs.add.using(label=label, priority=5), (1, (2, 3)), {}, owner=ada.pk)

    stored = TaskRun.objects.get(pk=run.pk)
    assert (stored.task, stored.name, stored.args) == ("tests.django.jobs.add", "sum", [1, [2, 3]])
    assert (stored.operation, stored.related_table, stored.related_id) == ("READ", "t", "7")
    assert (stored.owner, stored.priority, stored.input_data) == (ada, 5, {"a": 1})
    assert (stored.status, stored.attempt, stored.max_attempts) == (Status.PENDING, 0, 1)


def test_an_argument_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError):
        enqueueing.create(jobs.add, [object()], {})


def test_a_message_is_given_its_time_before_it_is_sent_again() -> None:
    wait = create().next_send_at - timezone.now()  # type: ignore[operator]

    assert timedelta(seconds=29) < wait <= timedelta(seconds=30)


def test_what_is_due_later_is_not_sent_and_cannot_be_claimed_before() -> None:
    run = create(run_after=timezone.now() + timedelta(hours=1))

    assert tasks.is_deferred(run)
    assert tasks.claim(run.pk, 1, worker="w", lease=LEASE) is None


def test_what_was_due_before_is_sent_like_any_other() -> None:
    run = create(run_after=timezone.now() - timedelta(hours=1))

    assert not tasks.is_deferred(run)
    assert tasks.claim(run.pk, 1, worker="w", lease=LEASE) is not None


class TestUnique:
    def test_the_same_call_has_one_unfinished_record(self) -> None:
        first = enqueueing.write(keyed_jobs.sync, [(("x",), {})])
        again = enqueueing.write(keyed_jobs.sync, [((), {"folder": "x", "speed": 9})])

        assert again.runs == first.runs
        assert (len(first.new), again.new) == (1, [])
        assert enqueueing.create(keyed_jobs.sync, ["y"], {}).pk != first.runs[0].pk

    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            (((1,), {}), ((1, 2), {}), True),
            (((1,), {}), ((), {"b": 2, "a": 1}), True),
            (((1,), {}), (("1",), {}), False),
            ((((1, 2),), {}), (([1, 2],), {}), True),
            ((({"x": 1, "y": 2},), {}), (({"y": 2, "x": 1},), {}), True),
        ],
    )
    def test_what_counts_are_the_values_of_the_named_arguments(
        self, one: Any, other: Any, same: bool
    ) -> None:
        assert (keyed_jobs.keyed.unique_key(*one) == keyed_jobs.keyed.unique_key(*other)) is same

    def test_another_task_has_other_keys(self) -> None:
        by_speed = keyed_jobs.sync.using(unique_on=("folder", "speed"))

        assert by_speed.unique_key(("x",), {}) == by_speed.unique_key(("x", 1), {})
        assert by_speed.unique_key(("x",), {}) != keyed_jobs.sync.unique_key(("x",), {})
        assert jobs.add.unique_key((1,), {}) is None

    @pytest.mark.parametrize("status", Status)
    def test_only_what_is_finished_makes_room(self, status: Status) -> None:
        run = enqueueing.create(keyed_jobs.sync, ["x"], {})
        TaskRun.objects.update(status=status)

        again = enqueueing.create(keyed_jobs.sync, ["x"], {})

        assert (again.pk != run.pk) is status.is_finished

    def test_an_attempt_that_failed_still_holds_its_key(self) -> None:
        run = enqueueing.create(keyed_jobs.sync.using(retries=1), ["x"], {})
        claimed = tasks.claim(run.pk, 1, worker="w", lease=LEASE)
        assert claimed is not None
        assert tasks.retry(claimed, FAILURE)

        assert enqueueing.create(keyed_jobs.sync, ["x"], {}).pk == run.pk

    def test_a_batch_doubles_neither_itself_nor_what_was_there(self) -> None:
        there = enqueueing.create(keyed_jobs.sync, ["b"], {})

        runs, new = enqueueing.write(keyed_jobs.sync, [((name,), {}) for name in "cabac"])

        assert [run.args for run in runs] == [["c"], ["a"], ["b"], ["a"], ["c"]]
        assert (runs[0], runs[1], runs[2]) == (runs[4], runs[3], there)
        assert {run.pk for run in new} == {runs[0].pk, runs[1].pk}

    def test_a_call_that_cannot_be_made_is_refused(self) -> None:
        with pytest.raises(TypeError, match="folder"):
            enqueueing.create(keyed_jobs.sync, [], {})

    def test_what_finished_in_between_does_not_stand_in_the_way(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = enqueueing.create(keyed_jobs.sync, ["x"], {})
        look = enqueueing.unfinished

        def finish_then_look(keys: Any, using: str) -> Any:
            TaskRun.objects.update(status=Status.DONE)
            return look(keys, using=using)

        monkeypatch.setattr(enqueueing, "unfinished", finish_then_look)

        assert enqueueing.create(keyed_jobs.sync, ["x"], {}).pk != first.pk
        assert TaskRun.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_many_threads_one_inserts() -> None:
    barrier = Barrier(8)

    def enqueue(number: int) -> list[UUID]:
        try:
            barrier.wait(timeout=20)
            calls = [
                ((f"{name}",), {}) for name in sorted(range(20), key=lambda each: each * (number % 3 - 1))
            ]
            return sorted(run.pk for run in enqueueing.write(keyed_jobs.sync, calls).runs)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        seen = list(threads.map(enqueue, range(8)))

    assert TaskRun.objects.count() == 20
    assert all(each == seen[0] for each in seen)


@pytest.mark.django_db(transaction=True)
def test_a_double_waits_for_the_others_transaction() -> None:
    began = Event()

    def enqueue() -> UUID:
        try:
            began.set()
            return enqueueing.create(keyed_jobs.sync, ["x"], {}).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            first = enqueueing.create(keyed_jobs.sync, ["x"], {})
            other = thread.submit(enqueue)
            began.wait(20)
            transaction.set_rollback(True)
        second = other.result(20)

    assert second != first.pk
    assert list(TaskRun.objects.values_list("pk", flat=True)) == [second]


class TestMany:
    def test_the_records_stand_in_the_order_of_the_calls(self) -> None:
        runs = enqueueing.create_many(jobs.add, [((number,), {"b": 1}) for number in range(30)])

        assert [run.args for run in runs] == [[number] for number in range(30)]
        assert [run.pk for run in runs] == sorted(run.pk for run in runs)
        assert list(TaskRun.objects.order_by("id")) == runs

    def test_nothing_is_nothing(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            assert enqueueing.create_many(jobs.add, []) == []

    def test_one_that_is_refused_keeps_out_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (inserting, enqueueing):
            monkeypatch.setattr(module, "BATCH", 2)

        with pytest.raises(ValueError, match="NUL"):
            enqueueing.create_many(jobs.add, [((1,), {}), ((2,), {}), (("\x00",), {}), ((3,), {})])

        assert not TaskRun.objects.exists()


class TestRepeat:
    def test_the_same_call_is_a_new_record(self) -> None:
        ada = get_user_model().objects.create_user("ada")
        options = {"retries": 3, "timeout": timedelta(5), "priority": 9, "retry_delay": timedelta(1)}
        label = Label(name="n", operation="CREATE", related_table="t", input_data={"password": 1})
        first = enqueueing.create(keyed_jobs.sign_in.using(label=label, **options), ["ada", "x"], {})
        TaskRun.objects.update(status=Status.FAILED, attempt=4, message="no", worker="w")
        first.refresh_from_db()

        again = enqueueing.repeat(first, owner=ada.pk)

        again.refresh_from_db()
        assert (again.retry_of, again.owner, again.status, again.attempt) == (first, ada, "PENDING", 0)
        assert (again.message, again.worker, again.result_ttl) == ("", "", timedelta(hours=1))
        for name in enqueueing._SAME:
            assert getattr(again, name) == getattr(first, name), name

    @pytest.mark.parametrize("status", [Status.PENDING, Status.PROCESSING, Status.DONE])
    def test_only_what_ended_badly_is_repeated(self, status: Status) -> None:
        run = create()
        run.status = status

        with pytest.raises(WrongStatus):
            enqueueing.repeat(run, owner=None)

    def test_a_step_is_not_repeated_alone(self) -> None:
        with pytest.raises(WrongStatus, match="workflow"):
            enqueueing.repeat(TaskRun(status=Status.FAILED, workflow_run_id=1), owner=None)

    def test_while_the_same_call_waits_it_is_that(self) -> None:
        first = enqueueing.create(keyed_jobs.sync, ["x"], {})
        TaskRun.objects.update(status=Status.FAILED)
        first.refresh_from_db()
        waiting = enqueueing.create(keyed_jobs.sync, ["x"], {})

        assert enqueueing.repeat(first, owner=None) == waiting


@pytest.mark.django_db(transaction=True)
def test_what_is_repeated_is_sent(broker: Broker) -> None:
    run = create()
    TaskRun.objects.update(status=Status.CANCELLED)
    run.refresh_from_db()

    enqueueing.repeat(run, owner=None)

    assert sending.waiting("default") == 1
