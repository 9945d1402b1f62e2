"""What Airflow's side is told about records that it waits for."""

from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any
from uuid import UUID

from windsock.django.actions.tasks import alias
from windsock.django.conf import is_on
from windsock.django.models import TaskRun
from windsock.errors import FailWithoutRetry
from windsock.run import FINISHED, Status

MOST = 1000  #: records in one question
PORTION = 100  #: records in one answer; the others come with the next
UNKNOWN = "-"  #: the mark of a record that is not there

_MARKED = ("id", "status", "attempt", "progress")


def mark(status: str, attempt: int, progress: int) -> str:
    """Return what changes when there is something to tell of a record."""
    return f"{status}.{attempt}.{progress}"


def changed(known: Mapping[UUID, str]) -> list[UUID]:
    """Return which records are not as they are known; one query.

    Args:
        known: of each record the mark that the caller has; empty: none.
    """
    return differing(known, marks(known))


def marks(keys: Collection[UUID]) -> dict[UUID, str]:
    """Return the marks of the records that are there."""
    rows = TaskRun.objects.using(alias()).filter(pk__in=keys).values_list(*_MARKED)
    return {key: mark(*state) for key, *state in rows}


def differing(known: Mapping[UUID, str], found: Mapping[UUID, str]) -> list[UUID]:
    """Return which marks are not as they are known."""
    return [key for key, last in known.items() if found.get(key, UNKNOWN) != last]


def told(keys: Collection[UUID]) -> list[dict[str, Any]]:
    """Return what is told of the first records, and of finished ones what they came to."""
    portion = list(keys)[:PORTION]
    found = TaskRun.objects.using(alias()).in_bulk(portion)
    return [state_of(found[key]) if key in found else _missing(key) for key in portion]


def state_of(run: TaskRun) -> dict[str, Any]:
    """Return what is told of a record."""
    state: dict[str, Any] = {
        "id": str(run.pk),
        "mark": mark(run.status, run.attempt, run.progress),
        "status": str(run.status),
        "attempt": run.attempt,
        "max_attempts": run.max_attempts,
        "progress": run.progress,
    }
    if run.status not in FINISHED:
        return state
    state |= {"message": run.message, "exception": run.exception}
    if run.status == Status.DONE:
        return state | {"result": run.result}
    shows = is_on("SERVICE_TRACEBACKS")
    return state | {"traceback": run.traceback if shows else "", "retry": not _is_final(run.exception)}


def _missing(key: UUID) -> dict[str, Any]:
    return {"id": str(key), "mark": UNKNOWN, "status": ""}


def _is_final(exception: str) -> bool:
    """Whether an exception says that another try makes no sense; the record keeps only its path."""
    module, _, name = exception.rpartition(".")
    try:
        found = getattr(import_module(module), name)
        return issubclass(found, FailWithoutRetry)
    except Exception:
        return False
