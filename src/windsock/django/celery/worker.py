"""The one Celery task: claim, run, end."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connections

from windsock.call import Outcome
from windsock.django import compat
from windsock.django.actions import tasks
from windsock.django.celery.app import app
from windsock.django.celery.sending import TASK
from windsock.django.conf import settings
from windsock.django.execution import execute_run, tidy_connections
from windsock.django.heartbeat import heartbeat
from windsock.django.models import TaskRun
from windsock.django.results import result_of
from windsock.errors import UnknownTask

logger = logging.getLogger(__name__)

T = TypeVar("T")
BACK_OFF = 0.5  #: seconds between two tries to reach the database


@app.task(name=TASK, ignore_result=True, acks_late=False)
def run(run_id: str, attempt: int) -> None:
    """What a message says: do the ``attempt``-th attempt of this record."""
    perform(run_id, attempt)


def perform(run_id: str, attempt: int) -> None:
    """Claim, run and end one attempt; a message that is doubled, late or early does nothing."""
    tidy_connections()
    lease = timedelta(seconds=float(settings.LEASE_SECONDS))
    claimed = _persistently(
        lambda: tasks.claim(run_id, attempt, worker=f"{socket.gethostname()}:{os.getpid()}", lease=lease),
        seconds=lease.total_seconds(),
    )
    if claimed is None:
        logger.debug("There is no attempt %s of task %s to do.", attempt, run_id)
        return
    _tell(compat.task_started, claimed)
    with heartbeat.watch(claimed, lease) as pulse:
        outcome = execute_run(claimed, pulse=pulse)
        _persistently(lambda: settle(claimed, outcome), seconds=lease.total_seconds())
    tidy_connections()


def settle(run: TaskRun, outcome: Outcome) -> None:
    """Write how an attempt ended: another one follows, or the record is finished."""
    failure = outcome.failure
    if failure is not None and failure.retry and run.attempt < run.max_attempts:
        if tasks.retry(run, failure):
            compat.task_backends[run.backend].deliver(run)  # type: ignore[attr-defined]
            return
    elif tasks.finish(run, outcome):
        _tell(compat.task_finished, run)
        return
    logger.warning("Attempt %s of task %s ended after it had been given up.", run.attempt, run.pk)


def _persistently(action: Callable[[], T], *, seconds: float) -> T:
    """Repeat what the database could not be reached for, as long as the lease may last."""
    deadline = time.monotonic() + seconds
    pause = 0.0
    while True:
        try:
            return action()
        except (OperationalError, InterfaceError) as error:
            connections[tasks.alias()].close()
            if time.monotonic() + pause > deadline:
                raise
            logger.warning("The database of the record cannot be reached: %s", error)
            threading.Event().wait(pause)
            pause = BACK_OFF


def _tell(signal: Any, run: TaskRun) -> None:
    try:
        result = result_of(run)
    except UnknownTask:
        return
    signal.send_robust(type(result.task.get_backend()), task_result=result)
