from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from tests.django import jobs

from windsock.django import compat
from windsock.django.actions import tasks as actions
from windsock.django.models import TaskRun
from windsock.django.recording import RecordingBackend
from windsock.django.relay import tasks
from windsock.run import Status

pytestmark = pytest.mark.django_db


class Backend(RecordingBackend):
    """A broker in memory, which nobody reads."""

    broken = False

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.sent: list[tuple[Any, int]] = []
        self.lost = 0

    def deliver(self, run: TaskRun) -> None:
        if not actions.is_deferred(run):
            self.send([run])

    def send(self, runs: Sequence[TaskRun]) -> None:
        if self.broken:
            raise ConnectionError("no broker")
        self.sent += [(run.pk, run.attempt + 1) for run in runs]

    def waiting(self, queue_name: str) -> int:
        return len(self.sent) - self.lost


@pytest.fixture
def backend(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Backend:
    monkeypatch.setattr(tasks, "_no_count_before", 0.0)
    settings.TASKS = {"default": {"BACKEND": f"{Backend.__module__}.Backend", "QUEUES": []}}
    found = compat.task_backends["default"]
    assert isinstance(found, Backend)
    return found


def overdue(count: int = 1) -> list[TaskRun]:
    for number in range(count):
        jobs.add.enqueue(number)
    now = timezone.now()
    TaskRun.objects.update(next_send_at=now - timedelta(seconds=1), created_at=now - timedelta(seconds=30))
    return list(TaskRun.objects.order_by("id"))


def test_what_is_due_now_is_sent_for_the_first_time(backend: Backend) -> None:
    jobs.add.using(run_after=timezone.now() + timedelta(hours=1)).enqueue(1)
    assert tasks.send_due() == tasks.POLL
    assert backend.sent == []

    due = timezone.now() - timedelta(seconds=1)
    TaskRun.objects.update(run_after=due, next_send_at=due)
    assert tasks.send_due() is None
    assert tasks.send_due() is None

    run = TaskRun.objects.get()
    assert backend.sent == [(run.pk, 1)]
    assert run.next_send_at > timezone.now() + timedelta(seconds=25)  # type: ignore[operator]


def test_the_relay_looks_again_when_the_next_one_is_due(backend: Backend) -> None:
    jobs.add.using(run_after=timezone.now() + timedelta(seconds=2)).enqueue(1)

    pause = tasks.send_due()

    assert pause is not None
    assert timedelta(seconds=1) < pause <= timedelta(seconds=2)


def test_a_message_that_still_waits_is_not_sent_twice(backend: Backend) -> None:
    overdue(3)

    tasks.send_due()

    assert len(backend.sent) == 3


def test_a_message_that_vanished_is_sent_again(backend: Backend) -> None:
    runs = overdue(3)
    backend.sent.clear()

    tasks.send_due()

    assert backend.sent == [(run.pk, 1) for run in runs]
    assert not TaskRun.objects.filter(next_send_at__lte=timezone.now()).exists()


def test_only_as_many_are_sent_again_as_are_missing(backend: Backend) -> None:
    overdue(5)
    backend.lost = 2

    tasks.send_due()

    assert len(backend.sent) == 5 + 2


def test_the_longer_it_waits_the_more_seldom_it_is_sent(backend: Backend) -> None:
    overdue()
    backend.sent.clear()
    TaskRun.objects.update(created_at=timezone.now() - timedelta(minutes=3))

    tasks.send_due()

    wait = TaskRun.objects.get().next_send_at - timezone.now()  # type: ignore[operator]
    assert timedelta(minutes=2.9) < wait < timedelta(minutes=3.1)


def test_a_batch_is_bounded_and_followed_by_the_next_at_once(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "BATCH", 2)
    overdue(3)
    backend.sent.clear()

    assert tasks.send_due() == timedelta(0)
    assert tasks.send_due() is None
    assert len(backend.sent) == 3


def test_a_broken_broker_is_told_and_nothing_is_noted_as_sent(backend: Backend) -> None:
    overdue()
    backend.sent.clear()
    backend.broken = True

    with pytest.raises(ConnectionError):
        tasks.send_due()

    assert TaskRun.objects.get().next_send_at < timezone.now()  # type: ignore[operator]


def test_what_a_backend_without_messages_left_is_no_matter_of_the_relay(backend: Backend) -> None:
    overdue()
    TaskRun.objects.update(backend="gone")
    backend.sent.clear()

    assert tasks.send_due() is None
    assert backend.sent == []


def claim(task: Any, lease: timedelta) -> TaskRun:
    run = actions.claim(task.enqueue().id, 1, worker="w", lease=lease)
    assert run is not None
    return run


def test_a_lost_task_without_attempts_left_fails_as_lost(backend: Backend) -> None:
    claim(jobs.fail, timedelta(seconds=-1))

    assert tasks.end_lost() is None

    run = TaskRun.objects.get()
    assert (run.status, run.exception) == (Status.FAILED, "windsock.errors.Lost")
    assert run.message == "The worker w went away in attempt 1."


def test_a_lost_task_with_attempts_left_is_tried_again(backend: Backend) -> None:
    run = claim(jobs.fail_at_first, timedelta(seconds=-1))

    tasks.end_lost()

    assert TaskRun.objects.get().status == Status.PENDING
    assert backend.sent[-1] == (run.pk, 2)


def test_a_task_that_is_kept_alive_is_left_alone(backend: Backend) -> None:
    claim(jobs.fail, timedelta(seconds=3))

    pause = tasks.end_lost()

    assert TaskRun.objects.get().status == Status.PROCESSING
    assert pause is not None
    assert timedelta(seconds=2) < pause <= timedelta(seconds=3)


def test_a_step_of_airflow_has_no_lease_and_is_left_alone(backend: Backend) -> None:
    claim(jobs.fail, timedelta(seconds=-1))
    TaskRun.objects.update(lease_expires_at=None)

    tasks.end_lost()

    assert TaskRun.objects.get().status == Status.PROCESSING


def test_what_was_to_be_cancelled_and_lost_its_worker_is_cancelled(backend: Backend) -> None:
    run = claim(jobs.fail_at_first, timedelta(seconds=-1))
    actions.cancel(TaskRun.objects.get())
    backend.sent.clear()

    tasks.end_lost()

    run.refresh_from_db()
    assert (run.status, run.exception, backend.sent) == ("CANCELLED", "windsock.errors.Cancelled", [])


@pytest.mark.parametrize(("seconds", "status"), [(5, "PROCESSING"), (14, "CANCELLED")])
def test_a_cancel_that_nobody_obeys_is_carried_out_after_the_grace(
    backend: Backend, seconds: int, status: str
) -> None:
    run = claim(jobs.fail_at_first, timedelta(seconds=30))
    TaskRun.objects.update(cancel_requested_at=timezone.now() - timedelta(seconds=seconds))

    tasks.end_lost()

    run.refresh_from_db()
    assert run.status == status


@pytest.mark.parametrize(("task", "status"), [(jobs.fail, "FAILED"), (jobs.fail_at_first, "PENDING")])
def test_a_worker_that_ended_itself_has_said_why(backend: Backend, task: Any, status: str) -> None:
    run = claim(task, timedelta(seconds=30))
    actions.give_up(run, actions.out_of_time(run))

    tasks.end_lost()

    run.refresh_from_db()
    assert (run.status, run.exception) == (status, "windsock.errors.TimedOut")


def test_what_an_earlier_attempt_died_of_is_not_the_next_ones_reason(backend: Backend) -> None:
    run = claim(jobs.fail_at_first, timedelta(seconds=30))
    actions.give_up(run, actions.out_of_time(run))
    tasks.end_lost()
    assert actions.claim(run.pk, 2, worker="w", lease=timedelta(seconds=-1)) is not None

    tasks.end_lost()

    run.refresh_from_db()
    assert run.message == "The worker w went away in attempt 2."


def test_who_listens_hears_of_the_end(backend: Backend) -> None:
    heard: list[Any] = []

    def listen(task_result: Any, **_: object) -> None:
        heard.append(task_result.status)

    claim(jobs.fail, timedelta(seconds=-1))
    compat.task_finished.connect(listen)
    try:
        tasks.end_lost()
    finally:
        compat.task_finished.disconnect(listen)

    assert heard == ["FAILED"]


def test_ends_come_in_batches(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "BATCH", 2)
    for _ in range(3):
        claim(jobs.fail, timedelta(seconds=-1))

    assert tasks.end_lost() == timedelta(0)
    assert tasks.end_lost() is None
    assert TaskRun.objects.filter(status="FAILED").count() == 3


def test_a_message_that_may_be_on_its_way_is_not_missed(backend: Backend) -> None:
    overdue(2)
    TaskRun.objects.filter(pk=TaskRun.objects.earliest("pk").pk).update(created_at=timezone.now())
    backend.lost = 1
    backend.sent = backend.sent[:2]

    tasks.send_due()

    assert len(backend.sent) == 2


def test_a_long_count_is_not_repeated_soon(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    overdue(3)
    counted: list[str] = []
    waiting = Backend.waiting

    def slow(self: Backend, queue_name: str) -> int:
        counted.append(queue_name)
        return waiting(self, queue_name)

    monkeypatch.setattr(Backend, "waiting", slow)
    tasks.send_due()
    tasks.send_due()

    assert counted == ["default"]
