"""What lists can be asked for; an empty value asks for nothing, as with an unfilled field."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError

from windsock.django.models import TaskRun
from windsock.django.models.keys import first_key

#: How far the clock in a key may be from ``created_at``, as in a large batch.
SLACK = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Conditions = dict[str, Any]
Condition = TypeVar("Condition")


def filtered(runs: QuerySet[TaskRun], query: Mapping[str, str]) -> QuerySet[TaskRun]:
    """Return what of ``runs`` a query asks for.

    Raises:
        ValidationError: a value cannot be; it names the parameter.
    """
    conditions: Conditions = {}
    for each in asked(query, FILTERS):
        conditions |= each
    return runs.filter(**conditions)


def asked(query: Mapping[str, str], filters: Mapping[str, Callable[[str], Condition]]) -> list[Condition]:
    """Return the conditions that a query asks for; names that are no filter are passed over.

    Raises:
        ValidationError: a value cannot be; it names the parameter.
    """
    conditions: list[Condition] = []
    problems: dict[str, list[str]] = {}
    for name, value in query.items():
        if name not in filters or not value:
            continue
        try:
            conditions.append(filters[name](value))
        except ValueError as error:
            problems[name] = [str(error)]
    if problems:
        raise ValidationError(problems)
    return conditions


def text(value: str) -> str:
    """Return a text that a column can hold.

    Raises:
        ValueError: it has a NUL in it.
    """
    if "\x00" in value:
        raise ValueError("Null characters are not allowed.")
    return value


def yes_or_no(value: str) -> bool:
    """Return what ``true`` and ``false`` mean.

    Raises:
        ValueError: it is neither.
    """
    if value not in {"true", "false"}:
        raise ValueError("Choose one of true, false.")
    return value == "true"


def exactly(field: str) -> Callable[[str], Conditions]:
    """Return what compares a column with a text."""
    return lambda value: {field: text(value)}


def one_of(field: str, choices: Sequence[str]) -> Callable[[str], Conditions]:
    """Return what compares a column with one of few values."""

    def conditions(value: str) -> Conditions:
        if value not in choices:
            raise ValueError(f"Choose one of {', '.join(choices)}.")
        return {field: value}

    return conditions


# The key bounds what is looked at, so that an index serves the range; the time decides.
def _created_after(value: str) -> Conditions:
    since = moment(value)
    return {"id__gte": _key(since, -SLACK), "created_at__gte": since}


def _created_before(value: str) -> Conditions:
    until = moment(value)
    return {"id__lt": _key(until, SLACK), "created_at__lt": until}


def moment(value: str) -> datetime:
    """Return a time.

    Raises:
        ValueError: it is none, or carries no zone.
    """
    # A plus sign that was not quoted arrives as a space.
    text = re.sub(r" (?=\d\d:?\d\d$)", "+", value)
    try:
        found = datetime.fromisoformat(text)
        if found.utcoffset() is not None:
            return found.astimezone(UTC)
    except (OverflowError, ValueError):
        pass
    raise ValueError("Give a time with its zone, as in 2026-11-21T10:00:00Z.")


def _key(moment: datetime, by: timedelta) -> UUID:
    with suppress(OverflowError):
        moment += by
    return first_key(max(moment, EPOCH))


#: Query parameter -> conditions for a value; times: from (inclusive) and until (exclusive).
FILTERS: dict[str, Callable[[str], Conditions]] = {
    "status": one_of("status", TaskRun.Status.values),
    "task_name": exactly("name"),
    "operation": one_of("operation", TaskRun.Operation.values),
    "related_table": exactly("related_table"),
    "related_id": exactly("related_id"),
    "created_after": _created_after,
    "created_before": _created_before,
    "updated_after": lambda value: {"updated_at__gte": moment(value)},
    "updated_before": lambda value: {"updated_at__lt": moment(value)},
}
