"""The relay's duties for tasks: send what waits too long, end what nobody keeps alive."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Protocol, cast

from django.db.models import DurationField, ExpressionWrapper, F, Min, Q, QuerySet
from django.db.models.functions import Greatest, Least, Now
from django.utils import timezone

from windsock.call import Outcome, describe
from windsock.django import compat
from windsock.django.actions import tasks
from windsock.django.models import TaskRun
from windsock.django.relay.duty import POLL
from windsock.errors import Lost

logger = logging.getLogger(__name__)

BATCH = 500
LONGEST_WAIT = timedelta(minutes=10)  #: between two messages for one attempt
AT_ONCE = timedelta(0)


class Sender(Protocol):
    """What the relay needs of a backend."""

    def send(self, run: TaskRun) -> None:
        """Send the message for the next attempt of ``run``; raises when that fails."""

    def waiting(self, queue_name: str) -> int:
        """Return how many messages wait in a queue; raises when that fails."""


def send_due() -> timedelta | None:
    """Send first messages that are due now, then those that seem to be lost.

    Returns:
        When to look again, if that is sooner than usual.
    """
    due = _runs().filter(next_send_at__lte=Now()).order_by("next_send_at", "id")
    first = list(due.filter(next_send_at=F("run_after"))[:BATCH])
    _send(first)
    again = [run for queue, count in _missing().items() for run in _sent_before(due, queue)[:count]]
    _send(again)
    if len(first) == BATCH or len(again) >= BATCH:
        return AT_ONCE
    next_at = _runs().filter(next_send_at=F("run_after")).aggregate(at=Min("next_send_at"))["at"]
    return None if next_at is None else min(POLL, max(AT_ONCE, next_at - timezone.now()))


def end_lost() -> timedelta | None:
    """Retry or fail every task whose worker does not renew its lease any more.

    Returns:
        When to look again, if that is sooner than usual.
    """
    leased = TaskRun.objects.using(tasks.alias()).processing().filter(lease_expires_at__isnull=False)
    for run in leased.filter(lease_expires_at__lt=Now()).order_by("lease_expires_at")[:BATCH]:
        _end(run)
    next_at = leased.aggregate(at=Min("lease_expires_at"))["at"]
    return None if next_at is None else min(POLL, max(timedelta(seconds=0.1), next_at - timezone.now()))


def _end(run: TaskRun) -> None:
    lost = describe(Lost(f"The worker {run.worker} went away in attempt {run.attempt}."))
    if run.attempt < run.max_attempts:
        if tasks.retry(run, lost):
            compat.task_backends[run.backend].deliver(run)  # type: ignore[attr-defined]
    else:
        tasks.finish(run, Outcome(failure=lost))
    logger.warning("Task %s (%s) was lost by %s in attempt %s.", run.pk, run.name, run.worker, run.attempt)


def _runs() -> QuerySet[TaskRun]:
    senders = [alias for alias in compat.task_backends if hasattr(compat.task_backends[alias], "send")]
    return (
        TaskRun.objects.using(tasks.alias()).pending().filter(next_send_at__isnull=False, backend__in=senders)
    )


def _sent_before(due: QuerySet[TaskRun], queue: tuple[str, str]) -> QuerySet[TaskRun]:
    backend, queue_name = queue
    never = Q(run_after__isnull=False, next_send_at=F("run_after"))
    return due.filter(~never, backend=backend, queue_name=queue_name)


def _missing() -> Counter[tuple[str, str]]:
    """How many messages each queue with overdue runs lacks, at most a batch."""
    missing: Counter[tuple[str, str]] = Counter()
    overdue = _runs().filter(next_send_at__lte=Now()).order_by()
    for backend, queue_name in overdue.values_list("backend", "queue_name").distinct():
        sent = _sent_before(_runs(), (backend, queue_name)).count()
        lacking = sent - _sender(backend).waiting(queue_name)
        if lacking > 0:
            missing[backend, queue_name] = min(lacking, BATCH)
    return missing


def _send(runs: Iterable[TaskRun]) -> None:
    """Send, then note it; a crash in between sends twice, which a claim does not mind."""
    sent: dict[int, list[Any]] = defaultdict(list)
    try:
        for run in runs:
            _sender(run.backend).send(run)
            sent[run.attempt].append(run.pk)
    finally:
        for attempt, keys in sent.items():
            same = TaskRun.objects.using(tasks.alias()).pending().filter(pk__in=keys, attempt=attempt)
            same.update(next_send_at=Now() + _back_off())


def _back_off() -> Any:
    """As long again as the message is out already, within bounds."""
    waited = ExpressionWrapper(Now() - Greatest("created_at", "run_after"), output_field=DurationField())
    return Least(Greatest(waited, tasks.resend_after()), LONGEST_WAIT)


def _sender(backend: str) -> Sender:
    return cast(Sender, compat.task_backends[backend])
