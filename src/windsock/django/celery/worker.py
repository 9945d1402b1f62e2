"""The one Celery task: claim, run, end."""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from django.db import InterfaceError, NotSupportedError, OperationalError, connections

from windsock.django import compat, logs
from windsock.django.actions import tasks
from windsock.django.celery.app import app
from windsock.django.celery.sending import TASK
from windsock.django.conf import settings
from windsock.django.execution import execute_run, tidy_connections
from windsock.django.heartbeat import heartbeat
from windsock.django.models import TaskRun
from windsock.django.settling import settle
from windsock.django.signalling import tell
from windsock.run import Status

logger = logging.getLogger(__name__)

T = TypeVar("T")
Message = tuple[str, int]  #: key of a record, number of the attempt
BACK_OFF = 0.5  #: seconds between two tries to reach the database

_HOST = socket.gethostname()
_TOKEN = secrets.token_hex(3)  # a forked process shares it with its parent


@app.task(name=TASK, ignore_result=True, acks_late=False)
def run(run_id: str, attempt: int) -> None:
    """What a message says: do the ``attempt``-th attempt of this record."""
    perform(run_id, attempt)


def perform(run_id: str, attempt: int, returned: Callable[[], Message | None] = lambda: None) -> None:
    """Claim, run and end one attempt; a message that is doubled, late or early does nothing.

    Args:
        run_id: key of the record.
        attempt: from 1.
        returned: called when the function of the task has returned, before the end is written; returns the
            message of the attempt that is done here next, when there is one already.
    """
    tidy_connections()
    lease = timedelta(seconds=float(settings.LEASE_SECONDS))
    following: tasks.Following | None = _following((run_id, attempt), lease)
    while following is not None:
        claimed = following.run or _claim(following)
        if claimed is None:
            logger.debug("There is no attempt %s of task %s to do.", following.attempt, following.run_id)
            return
        following = _do(claimed, lease, returned)
        tidy_connections()


def _do(run: TaskRun, lease: timedelta, returned: Callable[[], Message | None]) -> tasks.Following | None:
    """Run and end what is claimed; return what comes next, claimed along with that end if possible."""
    began = time.monotonic()
    tell(compat.task_started, run)
    with heartbeat.watch(run, lease) as pulse:
        outcome = execute_run(run, pulse=pulse)
        message = returned()
        following = _following(message, lease) if message else None
        along = following if following and following.run_id != str(run.pk) else None
        settled = _persistently(lambda: settle(run, outcome, along), seconds=lease.total_seconds())
    if settled:
        _log(run, time.monotonic() - began)
    else:
        logger.warning("Attempt %s of task %s ended after it had been given up.", run.attempt, run.pk)
    return following


def _following(message: Message, lease: timedelta) -> tasks.Following:
    run_id, attempt = message
    return tasks.Following(run_id=run_id, attempt=attempt, worker=worker_name(os.getpid()), lease=lease)


def _claim(wanted: tasks.Following) -> TaskRun | None:
    """Claim; when the answer got lost with the connection, what was claimed is still ours."""

    def claim() -> TaskRun | None:
        in_doubt, wanted.in_doubt = wanted.in_doubt, True
        found = tasks.claim(wanted.run_id, wanted.attempt, worker=wanted.worker, lease=wanted.lease)
        if found is None and in_doubt:
            found = tasks.claimed(wanted.run_id, wanted.attempt, worker=wanted.worker)
        return found

    return _persistently(claim, seconds=wanted.lease.total_seconds())


def worker_name(pid: int) -> str:
    """Return what the record calls a process of this worker; no other worker has the same name."""
    return f"{_HOST}:{_TOKEN}:{pid}"


def _log(run: TaskRun, seconds: float) -> None:
    level = logging.ERROR if run.status == Status.FAILED else logging.INFO
    if logger.isEnabledFor(level):
        why = f" ({run.exception}: {run.message})" if run.exception else ""
        logger.log(
            level,
            "Task %s (%s) is %s after %.3f s in attempt %s%s",
            *(run.pk, run.name, run.status, seconds, run.attempt, why),
            extra=logs.fields(run),
        )


def _persistently(action: Callable[[], T], *, seconds: float) -> T:
    """Repeat what the database could not be reached for, as long as the lease may last."""
    deadline = time.monotonic() + seconds
    pause = 0.0
    while True:
        try:
            return action()
        except (OperationalError, InterfaceError, NotSupportedError) as error:
            # Not supported: a prepared statement whose table was altered meanwhile.
            connections[tasks.alias()].close()
            if time.monotonic() + pause > deadline:
                raise
            logger.warning("The database of the record cannot be reached: %s", error)
            threading.Event().wait(pause)
            pause = BACK_OFF
