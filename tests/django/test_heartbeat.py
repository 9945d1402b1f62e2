"""The thread has a connection of its own, so these tests commit."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from tests.django import jobs

from windsock.call import Outcome
from windsock.django.actions import enqueueing, tasks
from windsock.django.heartbeat import Reason, heartbeat
from windsock.django.models import TaskRun

pytestmark = pytest.mark.django_db(transaction=True)

Waiting = Callable[..., None]


@pytest.fixture
def run() -> TaskRun:
    created = enqueueing.create(jobs.add, [1], {})
    claimed = tasks.claim(created.pk, 1, worker="w", lease=timedelta(minutes=1))
    assert claimed is not None
    return claimed


def stored(run: TaskRun) -> TaskRun:
    return TaskRun.objects.get(pk=run.pk)


def watchers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "windsock-heartbeat"]


@pytest.fixture
def renewals(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every write of the heartbeat."""
    written: list[dict[str, Any]] = []
    renew = tasks.renew

    def counted(run: TaskRun, **values: Any) -> bool | None:
        written.append(values)
        return renew(run, **values)

    monkeypatch.setattr(tasks, "renew", counted)
    return written


def test_a_lease_is_renewed_while_the_task_runs(run: TaskRun, wait_until: Waiting) -> None:
    before = run.lease_expires_at
    with heartbeat.watch(run, timedelta(seconds=0.3)):
        wait_until(lambda: stored(run).lease_expires_at != before)
        second = stored(run).lease_expires_at
        wait_until(lambda: stored(run).lease_expires_at != second)


def test_progress_is_seen_inside_an_open_transaction_and_stays_when_it_rolls_back(
    run: TaskRun, wait_until: Waiting
) -> None:
    with heartbeat.watch(run) as pulse, transaction.atomic():
        TaskRun.objects.exists()
        pulse.report(40)
        wait_until(lambda: stored(run).progress == 40)
        transaction.set_rollback(True)

    assert stored(run).progress == 40


def test_a_hundred_thousand_reports_are_at_most_101_writes(
    run: TaskRun, renewals: list[dict[str, Any]], wait_until: Waiting
) -> None:
    with heartbeat.watch(run) as pulse:
        for done in range(100_001):
            pulse.report(done // 1000)
        wait_until(lambda: stored(run).progress == 100)

    assert 1 <= len(renewals) <= 101


def test_a_short_task_writes_no_progress_and_still_ends_with_the_last_one(
    run: TaskRun, renewals: list[dict[str, Any]]
) -> None:
    with heartbeat.watch(run, timedelta(seconds=30)) as pulse:
        pulse.report(60)
        pulse.relate("7")

    assert renewals == []
    assert (run.progress, run.related_id) == (60, "7")


def test_a_request_to_cancel_reaches_the_task(run: TaskRun, wait_until: Waiting) -> None:
    with heartbeat.watch(run, timedelta(seconds=0.3)) as pulse:
        assert not pulse.cancelled
        tasks.cancel(stored(run))
        wait_until(lambda: pulse.cancelled)


def test_a_task_is_told_when_its_time_is_over(run: TaskRun, wait_until: Waiting) -> None:
    run.timeout = timedelta(seconds=0.1)
    with heartbeat.watch(run, timedelta(seconds=30)) as pulse:
        assert not pulse.cancelled
        wait_until(lambda: pulse.cancelled)


def test_a_lost_lease_tells_the_task_to_stop(run: TaskRun, wait_until: Waiting) -> None:
    with heartbeat.watch(run, timedelta(seconds=0.3)) as pulse:
        tasks.finish(stored(run), Outcome(value=1))
        wait_until(lambda: pulse.cancelled)
        assert (pulse.reason, pulse.lease) == (Reason.LOST, None)


def test_the_heartbeat_outlives_a_broken_connection(
    run: TaskRun, monkeypatch: pytest.MonkeyPatch, wait_until: Waiting
) -> None:
    monkeypatch.setattr("windsock.django.heartbeat.RECONNECT_AFTER", 0.05)
    before = run.lease_expires_at
    with heartbeat.watch(run, timedelta(seconds=0.3)):
        wait_until(lambda: stored(run).lease_expires_at != before)
        with connection.cursor() as cursor:
            others = "pid <> pg_backend_pid() AND datname = current_database()"
            cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        broken = stored(run).lease_expires_at
        wait_until(lambda: stored(run).lease_expires_at != broken)


def test_the_heartbeat_tries_again_after_an_error(
    run: TaskRun, monkeypatch: pytest.MonkeyPatch, wait_until: Waiting
) -> None:
    monkeypatch.setattr("windsock.django.heartbeat.RECONNECT_AFTER", 0.05)
    renew, failures = tasks.renew, [OperationalError("gone"), OperationalError("gone")]

    def unreliable(*args: Any, **values: Any) -> bool | None:
        if failures:
            raise failures.pop()
        return renew(*args, **values)

    monkeypatch.setattr(tasks, "renew", unreliable)
    with heartbeat.watch(run) as pulse:
        pulse.report(30)
        wait_until(lambda: stored(run).progress == 30)


def test_without_a_lease_and_without_news_there_is_no_thread(run: TaskRun) -> None:
    with heartbeat.watch(run):
        assert watchers() == []


def test_one_thread_watches_over_all(run: TaskRun) -> None:
    lease = timedelta(seconds=30)
    with heartbeat.watch(run, lease), heartbeat.watch(run, lease):
        assert len(watchers()) == 1
    heartbeat.stop()
    assert watchers() == []


class TestStopping:
    """Whether a task that is to stop is stopped; ``test_stopping`` and ``test_child`` show how."""

    @pytest.fixture(autouse=True)
    def _soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("windsock.django.heartbeat.LOOK_INTERVAL", 0.02)
        monkeypatch.setenv("WINDSOCK_CANCEL_GRACE_SECONDS", "0.05")

    def test_a_cancel_is_seen_without_a_write(
        self, run: TaskRun, renewals: list[dict[str, Any]], wait_until: Waiting
    ) -> None:
        with heartbeat.watch(run, timedelta(seconds=30)) as pulse:
            tasks.cancel(stored(run))
            wait_until(lambda: pulse.cancelled)

        assert pulse.reason is Reason.CANCEL
        assert renewals == []

    def test_a_step_without_a_lease_is_left_to_airflow(self, run: TaskRun) -> None:
        run.timeout = timedelta(seconds=0.01)
        with heartbeat.watch(run) as pulse:
            assert (pulse.guard, pulse.due()) == (None, float("inf"))

    def test_who_may_not_be_killed_gives_the_attempt_up(self, run: TaskRun, wait_until: Waiting) -> None:
        run.timeout = timedelta(seconds=0.01)
        with heartbeat.watch(run, timedelta(seconds=30)) as pulse:
            wait_until(lambda: pulse.lease is None)

        assert stored(run).exception == "windsock.errors.TimedOut"
        assert stored(run).lease_expires_at < stored(run).started_at + timedelta(seconds=20)  # type: ignore[operator]

    def test_a_kill_waits_for_a_database_that_is_away(
        self, run: TaskRun, monkeypatch: pytest.MonkeyPatch, wait_until: Waiting
    ) -> None:
        monkeypatch.setattr("windsock.django.heartbeat.RECONNECT_AFTER", 0.05)
        give_up, failures = tasks.give_up, [OperationalError("away"), OperationalError("away")]

        def unreliable(*values: Any) -> bool:
            if failures:
                raise failures.pop()
            return give_up(*values)

        monkeypatch.setattr(tasks, "give_up", unreliable)
        run.timeout = timedelta(seconds=0.01)
        with heartbeat.watch(run, timedelta(seconds=30)) as pulse:
            wait_until(lambda: pulse.lease is None)

        assert failures == []
