"""Inserting records past the ORM, which takes longer over a row than PostgreSQL does.

The statements are made of the model's own columns and defaults; only what never has a value at the start is
left out.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.utils.duration import duration_iso_string

from windsock.django.models import TaskRun
from windsock.django.prepared import fetch_one
from windsock.run import Status

Row = Mapping[str, Any]  #: attribute of the record -> value; the others have their defaults

#: What comes later, or is a step's.
LATER = frozenset(
    {"result", "result_expires_at", "started_at", "finished_at", "lease_expires_at", "cancel_requested_at"}
    | {"workflow_run_id"}
)
#: What has its default at the start.
CONSTANT = frozenset(
    {"status", "attempt", "progress", "exception", "message", "traceback", "output", "worker"}
    | {"step", "map_index", "generation"}
)
BATCH = 1000  #: rows in one statement

_FIELDS = TaskRun._meta.concrete_fields
_NAMES = [field.attname for field in _FIELDS]
_DEFAULTS = {field.attname: field.get_default() for field in _FIELDS if field.attname != "id"}
_WRITTEN = [field for field in _FIELDS if field.attname not in LATER]
_GIVEN = [field.attname for field in _WRITTEN if field.attname not in CONSTANT]
_COLUMNS = ", ".join(f'"{field.column}"' for field in _WRITTEN)
_JSON = {field.attname for field in _WRITTEN if field.get_internal_type() == "JSONField"}
_UNFINISHED = (Status.PENDING.value, Status.PROCESSING.value)
_UNLESS_DOUBLED = f"""
    ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND status IN {_UNFINISHED} DO NOTHING
"""
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def insert(rows: Sequence[Row], *, using: str) -> set[UUID]:
    """Insert PENDING records in the caller's transaction, each batch with one statement.

    Args:
        rows: each with its ``id`` and ``unique_key``; nothing of ``LATER`` and ``CONSTANT``.
        using: the database's alias.

    Returns:
        The ids of those that were inserted; a row is left out while another one with its ``unique_key`` is
        unfinished.

    Raises:
        TypeError: a value is not JSON data.
        ValueError: PostgreSQL cannot keep it: NUL, half a character, or a number that is none.
    """
    if len(rows) == 1:
        row = rows[0]
        inserted = fetch_one(using, _single(row["unique_key"] is not None), _values(row))
        return set() if inserted is None else {row["id"]}
    found: set[UUID] = set()
    for first in range(0, len(rows), BATCH):
        batch = rows[first : first + BATCH]
        document = _text([_complete(row) for row in batch])
        answer = fetch_one(using, _many(any(row["unique_key"] for row in batch)), (document,))
        found.update((answer or (None,))[0] or ())
    return found


def as_record(row: Row, *, using: str) -> TaskRun:
    """Return the record that was inserted."""
    complete = _complete(row)
    return TaskRun.from_db(using, _NAMES, [complete[name] for name in _NAMES])


def unfinished(keys: Sequence[str], *, using: str) -> dict[str, TaskRun]:
    """Return the unfinished records that have one of these keys."""
    found = TaskRun.objects.using(using).filter(unique_key__in=keys, status__in=_UNFINISHED)
    return {str(run.unique_key): run for run in found}


def _complete(row: Row) -> dict[str, Any]:
    return {**_DEFAULTS, **row}


def _values(row: Row) -> list[Any]:
    complete = _complete(row)
    return [
        _text(complete[name]) if name in _JSON and complete[name] is not None else complete[name]
        for name in _GIVEN
    ]


@cache
def _single(may_be_doubled: bool) -> str:
    # Constants as part of the statement are not sent, bound and cast for each row.
    values = ", ".join(
        _literal(_DEFAULTS[field.attname]) if field.attname in CONSTANT else "%s" for field in _WRITTEN
    )
    unless = _UNLESS_DOUBLED if may_be_doubled else ""
    return f"INSERT INTO {_table()} ({_COLUMNS}) VALUES ({values}) {unless} RETURNING id"  # noqa: S608


def _literal(value: str | int) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


@cache
def _many(may_be_doubled: bool) -> str:
    # In the order of their keys, so that two batches wait for each other in one direction only.
    unless = f"ORDER BY unique_key {_UNLESS_DOUBLED}" if may_be_doubled else ""
    return f"""
        WITH inserted AS (
            INSERT INTO {_table()} ({_COLUMNS})
            SELECT {_COLUMNS} FROM json_populate_recordset(NULL::{_table()}, %s::json) {unless} RETURNING id
        )
        SELECT array_agg(id) FROM inserted
    """  # noqa: S608


def _table() -> str:
    return f'"{TaskRun._meta.db_table}"'


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    # PostgreSQL's own complaint would quote the arguments.
    if r"\u0000" in text and _NUL.search(text):
        raise ValueError("PostgreSQL cannot keep the character NUL in JSON")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("PostgreSQL cannot keep half a character (a lone surrogate)") from None
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return duration_iso_string(value)
    if isinstance(value, UUID) or hasattr(value, "isoformat"):
        return str(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
