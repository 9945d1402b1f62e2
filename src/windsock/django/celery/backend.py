"""Django's tasks, delivered by Celery."""

import logging
from collections.abc import Sequence
from functools import partial

from django.db import transaction

from windsock.django.actions import tasks
from windsock.django.celery import sending
from windsock.django.models import TaskRun
from windsock.django.recording import RecordingBackend

logger = logging.getLogger(__name__)


class CeleryBackend(RecordingBackend):
    """The record is written in the caller's transaction and its message is sent when that commits.

    A failed send is logged and never raised: the relay sends what was not sent.
    """

    needs_broker = True

    def deliver(self, run: TaskRun) -> None:
        """Send the message on commit, unless it is due later; that one the relay sends."""
        self.deliver_all([run])

    def deliver_all(self, runs: Sequence[TaskRun]) -> None:
        """Do the same for many, with one round trip to the broker for up to a thousand."""
        due = [run for run in runs if not tasks.is_deferred(run)]
        if due:
            transaction.on_commit(partial(self._send_or_log, due), using=tasks.alias())

    def send(self, runs: Sequence[TaskRun]) -> None:
        """Send the messages for the next attempts of ``runs``.

        Raises:
            Exception: whatever the broker's client raises; some may have been sent then.
        """
        sending.send_all(
            [sending.Message(run.pk, run.attempt + 1, run.queue_name, run.priority) for run in runs]
        )

    def waiting(self, queue_name: str) -> int:
        """Return how many messages wait in a queue.

        Raises:
            Exception: whatever the broker's client raises.
        """
        return sending.waiting(queue_name)

    def _send_or_log(self, runs: Sequence[TaskRun]) -> None:
        try:
            self.send(runs)
        except Exception as error:
            run, others = runs[0], len(runs) - 1
            more = f" and {others} others" if others else ""
            logger.warning(
                "Task %s (%s)%s was not sent, the relay will send it: %r", run.pk, run.name, more, error
            )
