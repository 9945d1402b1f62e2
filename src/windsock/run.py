"""The one state machine: how a record moves from event to event.

``advance`` is pure and total. A late or doubled event changes nothing and a finished record never goes back.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Status(StrEnum):
    """Where an execution stands."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"

    @property
    def is_finished(self) -> bool:
        """Whether nothing can happen to the record any more."""
        return self in FINISHED


FINISHED = frozenset({Status.DONE, Status.FAILED, Status.CANCELLED, Status.SKIPPED})


class EventKind(StrEnum):
    """What can happen to an execution."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETRIED = "retried"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A fact about one attempt of an execution."""

    kind: EventKind
    at: datetime  #: aware
    attempt: int = 1  #: from 1


TRANSITIONS: dict[tuple[Status, EventKind], Status] = {
    (Status.PENDING, EventKind.STARTED): Status.PROCESSING,
    (Status.PENDING, EventKind.FAILED): Status.FAILED,
    (Status.PENDING, EventKind.CANCELLED): Status.CANCELLED,
    (Status.PENDING, EventKind.SKIPPED): Status.SKIPPED,
    (Status.PROCESSING, EventKind.SUCCEEDED): Status.DONE,
    (Status.PROCESSING, EventKind.FAILED): Status.FAILED,
    (Status.PROCESSING, EventKind.RETRIED): Status.PENDING,
    (Status.PROCESSING, EventKind.CANCELLED): Status.CANCELLED,
    (Status.PROCESSING, EventKind.SKIPPED): Status.SKIPPED,
}


def advance(status: Status, event: EventKind) -> Status:
    """Return the status after ``event``; an event that has no place here changes nothing."""
    return TRANSITIONS.get((status, event), status)


def sources(event: EventKind) -> tuple[Status, ...]:
    """Return the statuses in which ``event`` has an effect, for a conditional UPDATE."""
    return tuple(status for status, kind in TRANSITIONS if kind is event)


#: Airflow's task-instance states; ``None`` is a task instance that was not scheduled yet.
#: Source: Airflow 3.3, ``airflow.utils.state.TaskInstanceState``.
AIRFLOW_TASK_STATES: dict[str | None, Status] = {
    None: Status.PENDING,
    "removed": Status.CANCELLED,
    "scheduled": Status.PENDING,
    "queued": Status.PENDING,
    "running": Status.PROCESSING,
    "success": Status.DONE,
    "restarting": Status.PENDING,
    "failed": Status.FAILED,
    "up_for_retry": Status.PENDING,
    "up_for_reschedule": Status.PROCESSING,
    "upstream_failed": Status.SKIPPED,
    "skipped": Status.SKIPPED,
    "deferred": Status.PROCESSING,
    "awaiting_input": Status.PROCESSING,
}

#: Airflow's Dag-run states. Source: Airflow 3.3, ``airflow.utils.state.DagRunState``.
AIRFLOW_RUN_STATES: dict[str, Status] = {
    "queued": Status.PENDING,
    "running": Status.PROCESSING,
    "success": Status.DONE,
    "failed": Status.FAILED,
}

#: Celery's task states. Source: Celery 5.6, ``celery.states``.
CELERY_STATES: dict[str, Status] = {
    "PENDING": Status.PENDING,
    "RECEIVED": Status.PENDING,
    "STARTED": Status.PROCESSING,
    "SUCCESS": Status.DONE,
    "FAILURE": Status.FAILED,
    "REVOKED": Status.CANCELLED,
    "REJECTED": Status.FAILED,
    "RETRY": Status.PENDING,
    "IGNORED": Status.SKIPPED,
}

#: The name in Django's ``TaskResultStatus`` of each status, many to one.
DJANGO_STATUSES: dict[Status, str] = {
    Status.PENDING: "READY",
    Status.PROCESSING: "RUNNING",
    Status.DONE: "SUCCESSFUL",
    Status.FAILED: "FAILED",
    Status.CANCELLED: "FAILED",
    Status.SKIPPED: "SUCCESSFUL",
}
