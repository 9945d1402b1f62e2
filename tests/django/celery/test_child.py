"""Two processes of ``windsock_worker`` and a relay, which the tests share."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from tests.django import jobs
from tests.django.conftest import Broker, running, use

from windsock.django.actions import tasks
from windsock.django.celery import app, sending
from windsock.django.models import TaskRun
from windsock.local import broker as valkey

pytestmark = pytest.mark.usefixtures("own_worker")

Waiting = Callable[..., None]
SETTINGS = {"WINDSOCK_CANCEL_GRACE_SECONDS": "0.3", "WINDSOCK_LEASE_SECONDS": "60"}


@pytest.fixture(scope="module")
def processes(
    tmp_path_factory: pytest.TempPathFactory, broker_server: valkey.Broker, django_db_setup: None
) -> Iterator[Broker]:
    broker = Broker(server=broker_server, number=2)
    with ExitStack() as stack:
        for name in ("windsock_worker", "windsock_relay"):
            folder = tmp_path_factory.mktemp(name)
            stack.enter_context(running(folder, broker, "django", name, **SETTINGS))
        yield broker


@pytest.fixture
def own_worker(processes: Broker, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Broker:
    return use(processes, monkeypatch)


@contextmanager
def holding_the_lock() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(1)")
        yield
        cursor.execute("SELECT pg_advisory_unlock(1)")


def stored(result: Any) -> TaskRun:
    return TaskRun.objects.get(pk=result.id)


def begun(result: Any, wait_until: Waiting) -> int:
    """Return the number of the process that runs it."""
    wait_until(lambda: stored(result).related_id)
    return int(stored(result).related_id)


def done(result: Any, wait_until: Waiting) -> Any:
    wait_until(lambda: stored(result).status == "DONE")
    return stored(result).result


def test_a_task_goes_from_enqueue_to_done(wait_until: Waiting) -> None:
    result = jobs.add_later.enqueue(1, 2)

    assert done(result, wait_until) == 3


@pytest.mark.parametrize(
    "task", [jobs.wait_for_ever, jobs.wait_for_ever_async, jobs.wait_for_lock_in_transaction]
)
def test_a_cancelled_task_ends_within_seconds_and_its_process_goes_on(task: Any, wait_until: Waiting) -> None:
    with holding_the_lock():
        result = task.enqueue()
        process = begun(result, wait_until)
        assert tasks.cancel(stored(result))
        wait_until(lambda: stored(result).status == "CANCELLED", seconds=5)

    assert (stored(result).exception, stored(result).message) == (
        "windsock.errors.Cancelled",
        "A person cancelled this task.",
    )
    others = [jobs.tell_process.enqueue() for _ in range(20)]
    assert process in {done(other, wait_until) for other in others}


def test_a_task_that_does_not_stop_takes_its_process_with_it_and_nothing_else(wait_until: Waiting) -> None:
    result = jobs.defy.enqueue()
    process = begun(result, wait_until)
    others = [jobs.tell_process.enqueue() for _ in range(20)]
    tasks.cancel(stored(result))

    wait_until(lambda: stored(result).status == "CANCELLED", seconds=10)
    assert process not in {done(other, wait_until) for other in others}
    later = [jobs.tell_process.enqueue() for _ in range(20)]
    assert process not in {done(other, wait_until) for other in later}
    wait_until(lambda: not Path(f"/proc/{process}").exists())


def test_a_time_limit_is_kept_and_leaves_further_attempts(wait_until: Waiting) -> None:
    result = jobs.last_too_long.enqueue()

    assert done(result, wait_until) == 2


def test_a_time_limit_that_is_not_heeded_is_kept_too(wait_until: Waiting) -> None:
    result = jobs.defy.using(timeout=jobs.last_too_long.timeout).enqueue()

    wait_until(lambda: stored(result).status == "FAILED", seconds=10)
    assert stored(result).exception == "windsock.errors.TimedOut"
    assert stored(result).message == "Attempt 1 ran into its time limit of 0:00:00.200000."


def test_a_process_that_dies_is_replaced_and_its_task_ends_before_its_lease(wait_until: Waiting) -> None:
    result = jobs.wait_for_ever.enqueue()
    os.kill(begun(result, wait_until), signal.SIGKILL)

    wait_until(lambda: stored(result).status == "FAILED", seconds=10)
    assert stored(result).exception == "windsock.errors.Lost"


def test_a_long_task_holds_back_no_other_message(wait_until: Waiting) -> None:
    """The process that is busy has taken none, so the idle one does them all."""
    with holding_the_lock():
        busy = jobs.wait_for_lock_in_transaction.enqueue()
        process = begun(busy, wait_until)
        results = [jobs.tell_process.enqueue() for _ in range(10)]
        assert process not in {done(result, wait_until) for result in results}
        assert stored(busy).status == "PROCESSING"

    wait_until(lambda: stored(busy).status == "DONE")


def test_a_message_that_is_none_of_ours_harms_nothing(own_worker: Broker, wait_until: Waiting) -> None:
    for arguments in (["no id", 1], [], ["0", "x"]):
        with sending._producers().acquire(block=True) as producer:
            app.send_task(sending.TASK, args=arguments, queue="windsock.default", producer=producer)
    result = jobs.add.enqueue(1)

    assert done(result, wait_until) == 2


def test_nothing_is_left_behind_in_redis(own_worker: Broker, wait_until: Waiting) -> None:
    done(jobs.add.enqueue(1), wait_until)

    assert own_worker.ask("HLEN", "unacked") == 0


def test_each_process_has_a_name_of_its_own(own_worker: Broker, wait_until: Waiting) -> None:
    def names() -> set[str]:
        with app.connection_for_write(own_worker.url) as channel:
            return {name for answer in app.control.ping(timeout=0.5, connection=channel) for name in answer}

    wait_until(lambda: len(names()) == 2)
