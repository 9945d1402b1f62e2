"""Statements that are repeated for every task: bound by the server, and planned once per connection."""

import sys
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import connections

FEW = 5  #: statements after which preparing one more pays

_uses: "WeakKeyDictionary[psycopg.Connection[Any], int]" = WeakKeyDictionary()


def fetch_one(
    using: str, statement: str, values: Sequence[Any], *, once: bool = False
) -> tuple[Any, ...] | None:
    """Run a statement that returns rows on Django's connection, and return the first one.

    Outside of a transaction it is one of its own: nothing else is sent. It is prepared when the connection
    lasts and no pooler stands before the server; whoever sets ``prepare_threshold`` in the
    database's OPTIONS, to whatever, decides that himself.

    Args:
        using: the database's alias.
        statement: one statement, with ``%s`` for each value.
        values: as psycopg takes them; JSON as text.
        once: this process runs it no second time, so that preparing it would only cost.

    Raises:
        django.db.Error: as Django's own cursors do.
    """
    connection = connections[using]
    if connection.queries_logged or connection.execute_wrappers:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return _row(cursor)
    connection.ensure_connection()
    raw = connection.connection
    with connection.wrap_database_errors:
        prepare = False if once else _prepares(connection, raw)
        answer = psycopg.Cursor(raw).execute(statement, values, prepare=prepare)
        return _row(answer)


def _row(cursor: Any) -> tuple[Any, ...] | None:
    return cursor.fetchone()  # type: ignore[no-any-return]


def _prepares(connection: Any, raw: "psycopg.Connection[Any]") -> bool | None:
    if raw.prepare_threshold is not None:
        return raw.prepare_threshold == sys.maxsize or None
    settings = connection.settings_dict
    if settings.get("DISABLE_SERVER_SIDE_CURSORS"):
        return False
    if not {"prepare_threshold", "pool"}.isdisjoint(settings["OPTIONS"]):
        return False
    if settings["CONN_MAX_AGE"] == 0 and not _has_lasted(raw):
        return False
    # psycopg refuses to prepare while this is None, which Django sets; a number never reached changes nothing
    # for other statements.
    raw.prepare_threshold = sys.maxsize
    return True


def _has_lasted(raw: "psycopg.Connection[Any]") -> bool:
    """Whether a connection that may be closed after the request is used again and again, as in a loop."""
    _uses[raw] = uses = _uses.get(raw, 0) + 1
    return uses > FEW
