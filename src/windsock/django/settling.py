"""How an attempt ends, whoever ends it: another one follows, or the record is finished."""

from windsock.call import Outcome
from windsock.django import compat
from windsock.django.actions import tasks
from windsock.django.models import TaskRun
from windsock.django.signalling import tell


def settle(run: TaskRun, outcome: Outcome, following: tasks.Following | None = None) -> bool:
    """Write the end of the attempt that ``run`` holds, and send the next one or tell who listens.

    Args:
        run: what ``tasks.claim`` returned.
        outcome: what the attempt has come to.
        following: claimed along with the end, if this is the end of the record.

    Returns:
        False when the record had moved on already; then nothing was changed.
    """
    failure = outcome.failure
    if failure is not None and failure.retry and run.attempt < run.max_attempts:
        if tasks.retry(run, failure):
            compat.task_backends[run.backend].deliver(run)  # type: ignore[attr-defined]
            return True
        # Either it has moved on, or it must not be tried again since it is to be cancelled.
        outcome = Outcome(failure=tasks.cancelled(failure.traceback))
    if not tasks.finish(run, outcome, following):
        return False
    tell(compat.task_finished, run)
    return True
