import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection, transaction
from tests.django import jobs
from tests.django.conftest import WORKER, Broker, Start

from windsock.call import Failure, Outcome
from windsock.django.actions import tasks
from windsock.django.celery import sending
from windsock.django.celery.worker import perform
from windsock.django.compat import task_finished, task_started
from windsock.django.execution import execute_run
from windsock.django.models import ApiToken, TaskRun

pytestmark = pytest.mark.django_db(transaction=True)

Waiting = Callable[..., None]


def stored(result: object) -> TaskRun:
    return TaskRun.objects.get(pk=result.id)  # type: ignore[attr-defined]


@contextmanager
def holding_the_lock() -> Iterator[None]:
    """Keep the tasks that wait for the test waiting."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(1)")
        yield
        cursor.execute("SELECT pg_advisory_unlock(1)")


@pytest.mark.usefixtures("broker")
class TestPerform:
    def test_a_message_is_claimed_run_and_ended(self) -> None:
        result = jobs.add.enqueue(1)

        perform(result.id, 1)

        result.refresh()
        assert result.return_value == 2

    def test_whoever_listens_hears_start_and_end(self) -> None:
        heard: list[str] = []

        def listen(task_result: object, **_: object) -> None:
            heard.append(task_result.status)  # type: ignore[attr-defined]

        result = jobs.add.enqueue(1)
        task_started.connect(listen)
        task_finished.connect(listen)
        try:
            perform(result.id, 1)
        finally:
            task_started.disconnect(listen)
            task_finished.disconnect(listen)

        assert heard == ["RUNNING", "SUCCESSFUL"]

    def test_a_doubled_message_is_one_execution(self) -> None:
        result = jobs.count.enqueue("once")

        threads = [threading.Thread(target=perform_and_close, args=(result.id,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert ApiToken.objects.count() == 1
        assert (stored(result).status, stored(result).attempt) == ("DONE", 1)

    def test_a_retry_is_sent_at_once_when_it_has_no_delay(self) -> None:
        result = jobs.fail_at_first.enqueue()

        perform(result.id, 1)

        assert (stored(result).status, stored(result).message) == ("PENDING", "attempt 1")
        assert sending.waiting("default") == 2
        perform(result.id, 2)
        perform(result.id, 3)
        assert (stored(result).status, stored(result).result) == ("DONE", 3)

    def test_a_delayed_retry_is_not_sent(self) -> None:
        result = jobs.fail_slowly.enqueue()

        perform(result.id, 1)

        assert tasks.is_deferred(stored(result))
        assert sending.waiting("default") == 1

    def test_a_failure_for_good_is_not_tried_again(self) -> None:
        result = jobs.fail_for_good.enqueue()

        perform(result.id, 1)

        assert (stored(result).status, stored(result).attempt) == ("FAILED", 1)

    def test_a_database_that_is_away_for_a_moment_is_waited_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        result = jobs.add.enqueue(1)
        claim, finish = tasks.claim, tasks.finish
        outages = [OperationalError("away"), InterfaceError("away")]

        def unreliable(action: Any) -> Any:
            def attempt(*args: Any, **values: Any) -> Any:
                if outages:
                    raise outages.pop()
                return action(*args, **values)

            return attempt

        monkeypatch.setattr(tasks, "claim", unreliable(claim))
        monkeypatch.setattr(tasks, "finish", unreliable(finish))
        perform(result.id, 1)

        assert (stored(result).status, outages) == ("DONE", [])

    def test_a_claim_whose_answer_was_lost_is_still_a_claim(self, monkeypatch: pytest.MonkeyPatch) -> None:
        result = jobs.add.enqueue(1)
        claim = tasks.claim

        def claim_and_break(*args: Any, **values: Any) -> Any:
            monkeypatch.setattr(tasks, "claim", claim)
            claim(*args, **values)
            raise OperationalError("the connection is lost")

        monkeypatch.setattr(tasks, "claim", claim_and_break)
        perform(result.id, 1)

        assert (stored(result).status, stored(result).attempt) == ("DONE", 1)

    def test_an_end_that_comes_after_the_lease_was_lost_changes_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        result = jobs.add.using(retries=1).enqueue(1)
        execute = "windsock.django.celery.worker.execute_run"

        def lose(run: TaskRun, **_: object) -> object:
            assert tasks.retry(stored(result), Failure(exception="x", message="lost"))
            return execute_run(run)

        monkeypatch.setattr(execute, lose)
        perform(result.id, 1)

        assert (stored(result).status, stored(result).message) == ("PENDING", "lost")

    def test_the_next_one_is_claimed_along_with_the_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ids = [jobs.add.enqueue(number).id for number in range(3)]
        following = iter([(ids[1], 1), (ids[2], 1)])
        claims: list[object] = []
        claim = tasks.claim

        def counted(*args: Any, **values: Any) -> TaskRun | None:
            claims.append(args)
            return claim(*args, **values)

        monkeypatch.setattr(tasks, "claim", counted)
        perform(ids[0], 1, lambda: next(following, None))

        assert [TaskRun.objects.get(pk=each).result for each in ids] == [1, 2, 3]
        assert len(claims) == 1

    @pytest.mark.parametrize("attempt", [1, 2])
    def test_a_message_about_the_same_task_is_claimed_after_its_end(self, attempt: int) -> None:
        result = jobs.fail_at_first.enqueue()
        following = iter([(result.id, attempt)])

        perform(result.id, 1, lambda: next(following, None))

        assert (stored(result).status, stored(result).attempt) == ("PENDING", attempt)

    def test_what_was_claimed_along_and_not_heard_of_is_done(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first, second = jobs.add.enqueue(1), jobs.add.enqueue(2)
        following = iter([(second.id, 1)])
        finish = tasks.finish

        def finish_and_break(*args: Any) -> Any:
            monkeypatch.setattr(tasks, "finish", finish)
            args[2].in_doubt = True
            finish(args[0], args[1], copy(args[2]))
            raise OperationalError("the connection is lost")

        monkeypatch.setattr(tasks, "finish", finish_and_break)
        perform(first.id, 1, lambda: next(following, None))

        assert [(stored(each).status, stored(each).result) for each in (first, second)] == [
            ("DONE", 2),
            ("DONE", 3),
        ]

    def test_a_doubled_message_that_comes_along_does_nothing(self) -> None:
        first, second = jobs.add.enqueue(1), jobs.count.enqueue("once")
        perform(second.id, 1)
        following = iter([(second.id, 1)])

        perform(first.id, 1, lambda: next(following, None))

        assert (stored(first).status, ApiToken.objects.count()) == ("DONE", 1)

    @pytest.mark.parametrize("count", [15, pytest.param(400, marks=pytest.mark.full)])
    def test_a_cancel_at_the_very_end_hits_nothing_else(
        self, monkeypatch: pytest.MonkeyPatch, count: int
    ) -> None:
        """Tasks that end while they are cancelled, each followed by another one in the same process."""
        monkeypatch.setattr("windsock.django.heartbeat.LOOK_INTERVAL", 0.002)
        ends: set[str] = set()
        for rounds in range(0, count * 20, 20):
            chased, following = jobs.turn.enqueue(rounds), jobs.count.enqueue(f"after {rounds}")
            thread = threading.Thread(target=cancel_when_it_runs, args=(stored(chased),))
            thread.start()
            perform(chased.id, 1)
            perform(following.id, 1)
            thread.join()
            ends.add(stored(chased).status)
            assert stored(following).status == "DONE"

        assert ends <= {"DONE", "CANCELLED"}
        assert ApiToken.objects.count() == count

    def test_each_task_says_its_end_in_one_line(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, logger="windsock.django.celery.worker")
        for task in (jobs.add.using(), jobs.fail.using()):
            perform(task.enqueue(*([1] if task.name == "add" else [])).id, 1)

        lines = [record for record in caplog.records if record.name == "windsock.django.celery.worker"]
        assert [record.levelname for record in lines] == ["INFO", "ERROR"]
        assert "(builtins.ValueError: no)" in lines[1].getMessage()

    def test_no_other_worker_has_the_same_name(self) -> None:
        result = jobs.add.enqueue(1)

        perform(result.id, 1)

        host, token, pid = stored(result).worker.rsplit(":", 2)
        assert (host, int(pid)) == (socket.gethostname(), os.getpid())
        assert len(token) == 6


def cancel_when_it_runs(run: TaskRun) -> None:
    try:
        while stored_status(run) == "PENDING":
            pass
        tasks.cancel(run)
    finally:
        connection.close()


def stored_status(run: TaskRun) -> str:
    return TaskRun.objects.values_list("status", flat=True).get(pk=run.pk)


def perform_and_close(run_id: str) -> None:
    try:
        perform(run_id, 1)
    finally:
        connection.close()


@pytest.mark.usefixtures("worker")
class TestRealWorker:
    def test_a_task_goes_from_enqueue_to_done(self, wait_until: Waiting) -> None:
        result = jobs.add_later.enqueue(1, 2)

        wait_until(lambda: stored(result).status == "DONE")

        result.refresh()
        assert (result.return_value, result.attempts) == (3, 1)

    def test_automatic_retries_are_attempts_of_one_record(self, wait_until: Waiting) -> None:
        result = jobs.fail_at_first.enqueue()

        wait_until(lambda: stored(result).status == "DONE")

        assert (stored(result).attempt, TaskRun.objects.count()) == (3, 1)

    @pytest.mark.parametrize("task", [jobs.wait_for_ever, jobs.wait_for_ever_async])
    def test_a_cancel_reaches_a_task_that_blocks(self, task: Any, wait_until: Waiting) -> None:
        result = task.enqueue()
        wait_until(lambda: stored(result).related_id)

        tasks.cancel(stored(result))

        wait_until(lambda: stored(result).status == "CANCELLED", seconds=9)

    def test_progress_is_seen_before_the_transaction_ends_and_outlives_its_rollback(
        self, wait_until: Waiting
    ) -> None:
        with holding_the_lock():
            result = jobs.report_in_vain.enqueue()
            wait_until(lambda: stored(result).progress == 55)
            assert stored(result).status == "PROCESSING"

        wait_until(lambda: stored(result).status == "FAILED")
        assert (stored(result).progress, stored(result).message) == (55, "rolled back")

    def test_no_request_is_lost_though_the_insert_is_slow(self, wait_until: Waiting) -> None:
        """The known failure of sending first: with 5 ms on the INSERT 185 of 200 were never done."""
        with slow_inserts():
            for number in range(40):
                with transaction.atomic():
                    jobs.count.enqueue(f"request {number}")

        wait_until(lambda: TaskRun.objects.filter(status="DONE").count() == 40)
        assert ApiToken.objects.count() == 40

    def test_every_message_twice_is_every_task_once(self, wait_until: Waiting) -> None:
        results = [jobs.count.enqueue(f"request {number}") for number in range(20)]
        for result in reversed(results):
            sending.send(stored(result).pk, 1, queue="default", priority=0)

        wait_until(lambda: TaskRun.objects.filter(status="DONE").count() == 20)
        wait_until(lambda: sending.waiting("default") == 0)
        assert ApiToken.objects.count() == 20
        assert not TaskRun.objects.exclude(attempt=1).exists()

    def test_what_could_not_be_sent_is_sent_by_the_relay(
        self, worker: Broker, start: Start, monkeypatch: pytest.MonkeyPatch, wait_until: Waiting
    ) -> None:
        monkeypatch.setenv("WINDSOCK_RESEND_SECONDS", "0.2")
        monkeypatch.setattr(sending, "_no_try_before", float("inf"))
        results = [jobs.add.enqueue(number) for number in range(5)]
        later = jobs.add.using(run_after=stored(results[0]).created_at + timedelta(seconds=1)).enqueue(9)

        start(worker, "django", "windsock_relay")

        wait_until(lambda: TaskRun.objects.filter(status="DONE").count() == 6)
        assert stored(later).started_at > stored(later).run_after


def test_a_killed_workers_tasks_are_tried_again_or_failed(
    broker: Broker, start: Start, wait_until: Waiting, tmp_path: Path
) -> None:
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
    lease = {"WINDSOCK_LEASE_SECONDS": "1"}
    with holding_the_lock():
        once = jobs.meet.enqueue(str(tmp_path / "once"))
        again = jobs.meet_again.enqueue(str(tmp_path / "again"))
        worker = start(broker, *WORKER, **lease)
        for name in ("once", "again"):
            wait_until((tmp_path / name / "attempt-1").exists)
        for name in (stored(once).worker, stored(again).worker):
            os.kill(int(name.rpartition(":")[2]), signal.SIGKILL)
        start(broker, "django", "windsock_relay", **lease)
        wait_until(lambda: stored(once).status == "FAILED")
        wait_until((tmp_path / "again" / "attempt-2").exists)
        assert worker.poll() is None

    wait_until(lambda: stored(again).status == "DONE")
    assert "went away in attempt 1" in stored(once).message
    assert stored(once).exception == "windsock.errors.Lost"
    assert (stored(again).attempt, stored(again).result) == (2, 2)


@pytest.mark.full
def test_a_child_of_celerys_own_pool_may_be_killed_too(
    broker: Broker, start: Start, wait_until: Waiting
) -> None:
    grace = {"WINDSOCK_CANCEL_GRACE_SECONDS": "0.2"}
    worker = start(broker, *WORKER, **grace)
    start(broker, "django", "windsock_relay")
    result = jobs.defy.enqueue()
    wait_until(lambda: stored(result).related_id)

    tasks.cancel(stored(result))

    wait_until(lambda: stored(result).status == "CANCELLED", seconds=10)
    wait_until(lambda: not Path(f"/proc/{stored(result).related_id}").exists())
    assert worker.poll() is None
    following = jobs.add.enqueue(1)
    wait_until(lambda: stored(following).status == "DONE")


@pytest.mark.full
def test_thirty_killed_processes_leave_no_record_open(
    broker: Broker, start: Start, wait_until: Waiting, tmp_path: Path
) -> None:
    """Killed when the side effect has begun: every record ends, and every effect belongs to an attempt."""
    lease = {"WINDSOCK_LEASE_SECONDS": "1"}
    start(broker, "django", "windsock_relay", **lease)
    start(broker, "django", "windsock_worker", "--processes", "2", **lease)
    for number in range(15):
        kill_both(tmp_path / str(number), wait_until)
    assert TaskRun.objects.filter(status="DONE", attempt=2).count() == 15
    assert TaskRun.objects.filter(status="FAILED", attempt=1).count() == 15
    assert TaskRun.objects.count() == 30


def kill_both(folder: Path, wait_until: Waiting) -> None:
    """Kill the process of a task that may be tried again, and of one that may not."""
    once, again = folder / "once", folder / "again"
    for each in (once, again):
        each.mkdir(parents=True)
    with holding_the_lock():
        results = [jobs.meet.enqueue(str(once)), jobs.meet_again.enqueue(str(again))]
        for each in (once, again):
            wait_until((each / "attempt-1").exists)
        old = [stored(result) for result in results]
        for run in old:
            os.kill(int(run.worker.rpartition(":")[2]), signal.SIGKILL)
        wait_until(lambda: stored(results[0]).status == "FAILED", seconds=6)
        wait_until((again / "attempt-2").exists, seconds=6)
        assert not any(tasks.finish(run, Outcome(value="late")) for run in old)
    wait_until(lambda: stored(results[1]).status == "DONE")
    assert [len(list(each.iterdir())) for each in (once, again)] == [1, 2]


@contextmanager
def slow_inserts() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql
                AS 'BEGIN PERFORM pg_sleep(0.005); RETURN NEW; END';
            CREATE TRIGGER slow BEFORE INSERT ON windsock_taskrun FOR EACH ROW EXECUTE FUNCTION slow();
            """
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER slow ON windsock_taskrun; DROP FUNCTION slow()")
