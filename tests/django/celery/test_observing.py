from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from celery import signals, states
from celery.app.task import Context
from django.contrib.auth.models import User
from django.db import connection, transaction
from tests.django import jobs
from tests.django.celery import shop
from tests.django.conftest import Broker, Waiting, running, use

from windsock.django.celery import observing
from windsock.django.models import TaskRun
from windsock.django.models.keys import uuid7
from windsock.django.tasks import acting_as
from windsock.local import broker as valkey
from windsock.run import CELERY_STATES, FINISHED, Status

WORKER = (
    "celery",
    "-A",
    "tests.django.celery.shop",
    "worker",
    "-c",
    "1",
    "--without-gossip",
    "--without-mingle",
)


@pytest.fixture(scope="module")
def shop_worker(
    tmp_path_factory: pytest.TempPathFactory, broker_server: valkey.Broker, django_db_setup: None
) -> Iterator[Broker]:
    """A real worker of the other app."""
    broker = Broker(server=broker_server, number=5)
    with running(tmp_path_factory.mktemp("shop"), broker, *WORKER, WINDSOCK_OBSERVE_CELERY="1"):
        shop.app.conf.broker_url = broker.url
        yield broker
        shop.app.pool.force_close_all()


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process observes too."""
    observing.start()
    yield
    observing.stop()


@pytest.fixture
def shop_broker(shop_worker: Broker, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Broker:
    return use(shop_worker, monkeypatch)


def ended(wait_until: Waiting, count: int = 1) -> list[TaskRun]:
    wait_until(lambda: TaskRun.objects.filter(status__in=FINISHED).count() >= count)
    return list(TaskRun.objects.order_by("id"))


def test_what_another_apps_worker_does_is_recorded(
    shop_broker: Broker, observed: None, wait_until: Waiting
) -> None:
    user = User.objects.create_user("ann")
    with acting_as(user):
        shop.add.delay(1, b=2)
    shop.unfit.delay()
    shop.fail.delay("secret shelf")
    shop.ignore.delay()
    added, unfit, failed, ignored = ended(wait_until, 4)

    assert (added.name, added.task, added.backend) == ("add", "tests.django.celery.shop.add", "celery")
    assert (added.status, added.result, added.progress, added.owner) == (Status.DONE, {"sum": 3}, 100, user)
    assert (added.args, added.kwargs) == (["********"], {"b": "********"})
    assert added.started_at is not None
    assert added.created_at <= added.started_at <= added.finished_at  # type: ignore[operator]
    assert "@" in added.worker
    assert (unfit.status, unfit.result) == (Status.DONE, None)
    assert (failed.status, failed.exception, failed.message) == (
        Status.FAILED,
        "builtins.ValueError",
        "no such shelf",
    )
    assert 'raise ValueError("no such shelf")' in failed.traceback
    assert "secret" not in str([failed.args, failed.kwargs, failed.message])
    assert ignored.status == Status.SKIPPED


def test_tries_are_attempts_of_one_record(shop_broker: Broker, observed: None, wait_until: Waiting) -> None:
    shop.fail_at_first.delay()
    [run] = ended(wait_until)
    assert (run.status, run.attempt, run.max_attempts, run.result) == (Status.DONE, 3, 3, 2)
    assert run.exception == ""


def test_what_nobody_saw_sent_is_recorded_when_it_begins(shop_broker: Broker, wait_until: Waiting) -> None:
    shop.add.delay(1, 2)
    shop.fail_at_first.delay()
    runs = ended(wait_until, 2)
    assert [(run.name, run.attempt) for run in runs] == [("add", 1), ("fail_at_first", 3)]


def test_a_worker_that_died_leaves_a_failure(
    shop_broker: Broker, observed: None, wait_until: Waiting
) -> None:
    shop.die.delay()
    [run] = ended(wait_until)
    assert run.status == Status.FAILED
    assert run.exception.endswith("WorkerLostError")


def test_what_is_revoked_is_cancelled(shop_broker: Broker, observed: None, wait_until: Waiting) -> None:
    shop.add.apply_async((1, 2), expires=datetime.now(UTC) - timedelta(hours=1))
    [run] = ended(wait_until)
    assert (run.status, run.message) == (Status.CANCELLED, "It expired.")


def test_a_sender_that_is_late_does_not_bring_back_what_was_revoked(transactional_db: None) -> None:
    key = str(uuid7())
    request = Context({observing.HEADER: key})
    signals.task_revoked.send(sender=shop.add, request=request, expired=True)
    assert not TaskRun.objects.exists()  # nobody listens yet
    observing.start()
    try:
        signals.task_revoked.send(sender=shop.add, request=request, expired=True)
        headers = {observing.HEADER: key}
        signals.after_task_publish.send(sender=shop.add.name, headers=headers, body=((1, 2), {}, {}))
    finally:
        observing.stop()
    assert TaskRun.objects.get().status == Status.CANCELLED


def test_a_record_in_trouble_breaks_neither_task_nor_sender(
    shop_broker: Broker, observed: None, wait_until: Waiting, caplog: pytest.LogCaptureFixture
) -> None:
    def is_hidden() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('windsock_hidden')")
            return bool(cursor.fetchone()[0])

    shop.break_the_record.delay()
    wait_until(is_hidden)
    try:
        shop.add.delay(3, 4)
        assert "could not be observed" in caplog.text
        wait_until(lambda: shop_broker.ask("LLEN", "celery") == 0)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE windsock_hidden RENAME TO windsock_taskrun")
    shop.add.delay(5, 6)
    wait_until(lambda: TaskRun.objects.filter(result={"sum": 11}).exists())


def test_a_message_sent_in_a_transaction_is_recorded_when_that_commits(
    shop_broker: Broker, observed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction.atomic():
        shop.add.apply_async((1, 2), queue="nobody")
        assert not TaskRun.objects.exists()
    run = TaskRun.objects.get()
    assert (run.status, run.queue_name) == (Status.PENDING, "nobody")


def test_our_own_task_is_not_observed_twice(worker: Broker, observed: None, wait_until: Waiting) -> None:
    jobs.add.enqueue(1, 2)
    [run] = ended(wait_until)
    assert run.backend == "default"
    assert TaskRun.objects.count() == 1


def test_arguments_are_kept_when_told(
    shop_broker: Broker, observed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDSOCK_OBSERVE_CELERY_ARGUMENTS", "1")
    shop.add.apply_async((1,), {"b": 2}, queue="nobody")
    run = TaskRun.objects.get()
    assert (run.args, run.kwargs) == ([1], {"b": 2})


def test_a_task_in_the_callers_own_process_is_observed(transactional_db: None, observed: None) -> None:
    with transaction.atomic():
        assert shop.add.apply((1, 2)).get() == {"sum": 3}
    assert TaskRun.objects.get().result == {"sum": 3}


def test_every_state_of_celery_has_a_status() -> None:
    assert set(CELERY_STATES) >= states.ALL_STATES
