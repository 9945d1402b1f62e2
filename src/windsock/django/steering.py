"""What a person may do to a task, on the pages and in the admin; REST has the same rules."""

from typing import Any

from windsock.django.actions import enqueueing, observed, tasks
from windsock.django.models import TaskRun
from windsock.errors import WindsockError, WrongStatus
from windsock.run import FINISHED, Status

PERMISSION = "windsock.change_taskrun"


def may_change(user: Any, run: TaskRun) -> bool:
    """Whether ``user`` may cancel and retry ``run``: its owner, and holders of ``change_taskrun``."""
    is_owner = run.owner_id is not None and run.owner_id == user.pk
    return bool(is_owner or user.has_perm(PERMISSION))


def can_cancel(run: TaskRun) -> bool:
    """Whether there is something to cancel."""
    return not _why_not_cancel(run)


def can_retry(run: TaskRun) -> bool:
    """Whether the call may be started again."""
    return not _why_not_retry(run)


def cancel(run: TaskRun) -> None:
    """Cancel what waits at once, ask what runs to stop.

    Raises:
        WrongStatus: it says why that cannot be.
    """
    if why := _why_not_cancel(run):
        raise WrongStatus(why)
    if not tasks.cancel(run):
        raise WrongStatus("It has ended meanwhile.")


def retry(run: TaskRun) -> TaskRun:
    """Start the same call again as a new task of the same owner.

    Raises:
        WrongStatus: it says why that cannot be.
    """
    if why := _why_not_retry(run):
        raise WrongStatus(why)
    try:
        # The owner stays: nobody's rights serve what somebody else asked for.
        return enqueueing.repeat(run, owner=run.owner_id)
    except WindsockError as error:
        raise WrongStatus(str(error)) from error


def _why_not_cancel(run: TaskRun) -> str:
    if run.status in FINISHED:
        return f"It has ended already ({run.status})."
    if observed.is_observed(run):
        return "It belongs to another Celery app and is only observed here."
    if run.cancel_requested_at is not None:
        return "It was asked to stop already."
    return ""


def _why_not_retry(run: TaskRun) -> str:
    if observed.is_observed(run):
        return "It belongs to another Celery app and is only observed here."
    if run.status not in FINISHED:
        return "It has not ended yet."
    if run.status == Status.DONE:
        return "It is done."
    if run.workflow_run_id is not None:
        return "A workflow's step is not retried alone: run the workflow again."
    return ""
