import os
import signal
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from tests.django import jobs
from tests.django.conftest import Broker, Start

from windsock.django.celery import sending
from windsock.django.celery.queues import queue_name
from windsock.django.models import TaskRun

pytestmark = pytest.mark.django_db(transaction=True)

Waiting = Callable[..., None]
WORKER = ("django", "windsock_worker", "--processes")


def stored(result: Any) -> TaskRun:
    return TaskRun.objects.get(pk=result.id)


def begun(result: Any, wait_until: Waiting) -> int:
    wait_until(lambda: stored(result).related_id)
    return int(stored(result).related_id)


def test_it_waits_for_the_running_task_and_takes_no_other(
    broker: Broker, start: Start, wait_until: Waiting
) -> None:
    worker = start(broker, *WORKER, "1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(1)")
        running, waiting = jobs.wait_for_lock_in_transaction.enqueue(), jobs.add.enqueue(1)
        process = begun(running, wait_until)
        worker.send_signal(signal.SIGTERM)
        os.kill(process, signal.SIGTERM)  # which the parent passes on, but maybe not before the task ends
        cursor.execute("SELECT pg_advisory_unlock(1)")

    assert worker.wait(20) == 0
    assert (stored(running).status, stored(waiting).status) == ("DONE", "PENDING")
    assert sending.waiting("default") == 1


def test_at_once_means_at_once_and_gives_the_task_up(
    broker: Broker, start: Start, wait_until: Waiting
) -> None:
    worker = start(broker, *WORKER, "2")
    result = jobs.defy.enqueue()
    process = begun(result, wait_until)
    worker.send_signal(signal.SIGQUIT)

    assert worker.wait(20) == 0
    assert not psutil.pid_exists(process)
    run = stored(result)
    assert run.status == "PROCESSING"
    assert run.lease_expires_at is not None
    assert run.lease_expires_at <= timezone.now()


def test_a_killed_worker_leaves_no_process(broker: Broker, start: Start, wait_until: Waiting) -> None:
    worker = start(broker, *WORKER, "2")
    processes = psutil.Process(worker.pid).children()
    worker.kill()

    assert len(processes) == 2
    wait_until(lambda: not any(process.is_running() for process in processes))


def test_a_terminals_interrupt_reaches_all_and_is_one_request(
    broker: Broker, start: Start, wait_until: Waiting
) -> None:
    worker = start(broker, *WORKER, "1")
    result = jobs.defy.enqueue()
    begun(result, wait_until)
    child = psutil.Process(worker.pid).children()[0]
    os.kill(child.pid, signal.SIGINT)

    later = jobs.add.enqueue(1)
    assert child.is_running()
    assert stored(result).status == "PROCESSING"
    assert stored(later).status == "PENDING"
    worker.send_signal(signal.SIGQUIT)
    worker.wait(20)


def test_it_has_no_thread_but_the_main_one_and_no_connection(broker: Broker, start: Start) -> None:
    worker = psutil.Process(start(broker, *WORKER, "1").pid)

    assert worker.num_threads() == 1
    names = {each.laddr or each.raddr for each in worker.net_connections("all")}
    assert names <= {""}


@pytest.mark.usefixtures("broker")
def test_it_reads_the_queues_that_it_is_told(broker: Broker, start: Start, wait_until: Waiting) -> None:
    assert queue_name("default") == "windsock.default"
    start(broker, *WORKER, "1", "--queues", "default, default")
    result = jobs.add.enqueue(1)

    wait_until(lambda: stored(result).status == "DONE")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queues": "mail,default"}, "No backend in TASKS names these queues: mail."),
        ({"processes": 0}, "--processes takes 1 to 150."),
    ],
)
def test_what_cannot_be_is_said(options: Any, message: str) -> None:
    with pytest.raises(CommandError, match=message.replace(".", r"\.")):
        call_command("windsock_worker", **options)
