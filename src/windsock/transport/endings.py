"""The outcomes of calls whose process gave none."""

from datetime import timedelta

from windsock.call import Failure, Outcome
from windsock.errors import Lost, TimedOut
from windsock.warm.client import Session
from windsock.warm.process import describe_exit


def describe_end(session: Session) -> str:
    """Put the end of a warm process's child that gave no outcome in words."""
    if session.abandoned:
        return "the warm process went away"
    return describe_exit(session.exit or 0)


def lost(reason: str) -> Outcome:
    """Return the outcome of a call whose process ended without giving one."""
    return Outcome(failure=_failure(Lost, f"The process gave no outcome: {reason}"))


def timed_out(limit: timedelta | None) -> Outcome:
    """Return the outcome of a call that was killed at its time limit."""
    seconds = limit.total_seconds() if limit else 0
    return Outcome(failure=_failure(TimedOut, f"The time limit of {seconds:g} s was reached"))


def _failure(kind: type[Exception], message: str) -> Failure:
    return Failure(exception=f"{kind.__module__}.{kind.__qualname__}", message=message)
