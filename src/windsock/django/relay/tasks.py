"""The relay's duties for tasks: send what waits too long, end what nobody keeps alive."""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol, cast

from django.db.models import DurationField, ExpressionWrapper, F, Min, Q, QuerySet
from django.db.models.functions import Greatest, Least, Now
from django.utils import timezone

from windsock.call import Failure, Outcome, describe
from windsock.django import compat
from windsock.django.actions import tasks
from windsock.django.conf import settings
from windsock.django.models import TaskRun
from windsock.django.relay.duty import POLL
from windsock.django.settling import settle
from windsock.errors import Lost

logger = logging.getLogger(__name__)

BATCH = 500
LONGEST_WAIT = timedelta(minutes=10)  #: between two messages for one attempt
AT_ONCE = timedelta(0)
ON_ITS_WAY = timedelta(seconds=2)  #: how long a message may take from the record to the broker
OBEYING = timedelta(seconds=3)  #: how long a worker may take to hear of a cancel, and to end its process
COUNTING_PAUSE = 100  #: times as long as counting took

_no_count_before = 0.0  # on the monotonic clock


class Sender(Protocol):
    """What the relay needs of a backend."""

    def send(self, runs: Sequence[TaskRun]) -> None:
        """Send the messages for the next attempts of ``runs``; raises when that fails."""

    def waiting(self, queue_name: str) -> int:
        """Return how many messages wait in a queue; raises when that fails."""


def send_due() -> timedelta | None:
    """Send first messages that are due now, then those that seem to be lost.

    Returns:
        When to look again, if that is sooner than usual.
    """
    unsent = _runs().filter(next_send_at=F("run_after"))
    first = list(unsent.filter(next_send_at__lte=Now()).order_by("next_send_at", "id")[:BATCH])
    _send(first)
    again = _missing()
    _send(again)
    if len(first) == BATCH or len(again) >= BATCH:
        return AT_ONCE
    next_at = unsent.aggregate(at=Min("next_send_at"))["at"]
    return None if next_at is None else min(POLL, max(AT_ONCE, next_at - timezone.now()))


def end_lost() -> timedelta | None:
    """End or retry every task whose worker does not renew its lease any more, or does not obey a cancel.

    Returns:
        When to look again, if that is sooner than usual.
    """
    leased = TaskRun.objects.using(tasks.alias()).processing().filter(lease_expires_at__isnull=False)
    grace = timedelta(seconds=float(settings.CANCEL_GRACE_SECONDS)) + OBEYING
    over = Q(lease_expires_at__lte=Now()) | Q(cancel_requested_at__lte=Now() - grace)
    lost = list(leased.filter(over).order_by("lease_expires_at")[:BATCH])
    for run in lost:
        _end(run)
    if len(lost) == BATCH:
        return AT_ONCE
    next_at = leased.aggregate(at=Min("lease_expires_at"))["at"]
    return None if next_at is None else min(POLL, max(timedelta(seconds=0.1), next_at - timezone.now()))


def _end(run: TaskRun) -> None:
    failure = _failure(run)
    if settle(run, Outcome(failure=failure)):
        logger.warning("Task %s (%s) is %s: %s", run.pk, run.name, run.status, failure.message)


def _failure(run: TaskRun) -> Failure:
    """Return why an attempt ends that nobody keeps alive: its worker may have left word."""
    if run.cancel_requested_at is not None:
        return tasks.cancelled()
    noted = tasks.out_of_time(run)
    if (run.exception, run.message) == (noted.exception, noted.message):
        return noted
    return describe(Lost(f"The worker {run.worker} went away in attempt {run.attempt}."))


def _runs() -> QuerySet[TaskRun]:
    senders = [alias for alias in compat.task_backends if hasattr(compat.task_backends[alias], "send")]
    return (
        TaskRun.objects.using(tasks.alias()).pending().filter(next_send_at__isnull=False, backend__in=senders)
    )


def _missing() -> list[TaskRun]:
    """Return the longest overdue runs whose messages are not there, at most a batch per queue.

    Counting takes time in proportion to the backlog. It pauses in proportion to that, so that it takes one
    per cent of one process at most, however long the backlog is.
    """
    global _no_count_before
    began = time.monotonic()
    if began < _no_count_before:
        return []
    sent = _runs().exclude(run_after__isnull=False, next_send_at=F("run_after")).order_by()
    overdue = sent.filter(next_send_at__lte=Now())
    found: list[TaskRun] = []
    for backend, queue_name in overdue.values_list("backend", "queue_name").distinct():
        here = {"backend": backend, "queue_name": queue_name}
        waiting = _sender(backend).waiting(queue_name)
        # The newest may be on their way to the broker at this moment.
        lacking = sent.filter(**here, created_at__lt=Now() - ON_ITS_WAY).count() - waiting
        if lacking > 0:
            found += overdue.filter(**here).order_by("next_send_at", "id")[: min(lacking, BATCH)]
    now = time.monotonic()
    _no_count_before = 0.0 if found else now + (now - began) * COUNTING_PAUSE
    return found


def _send(runs: Iterable[TaskRun]) -> None:
    """Send, then note it; a crash in between sends twice, which a claim does not mind."""
    waiting: dict[str, list[TaskRun]] = defaultdict(list)
    for run in runs:
        waiting[run.backend].append(run)
    for backend, mine in waiting.items():
        _sender(backend).send(mine)
        for attempt, keys in groupby(sorted((run.attempt, run.pk) for run in mine), itemgetter(0)):
            same = TaskRun.objects.using(tasks.alias()).pending().filter(attempt=attempt)
            same.filter(pk__in=[key for _, key in keys]).update(next_send_at=Now() + _back_off())


def _back_off() -> Any:
    """As long again as the message is out already, within bounds."""
    waited = ExpressionWrapper(Now() - Greatest("created_at", "run_after"), output_field=DurationField())
    return Least(Greatest(waited, tasks.resend_after()), LONGEST_WAIT)


def _sender(backend: str) -> Sender:
    return cast(Sender, compat.task_backends[backend])
