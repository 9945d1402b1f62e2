"""What changed in the record: the queries of event streams, and the events that they become.

Which transaction wrote a row decides whether it was seen before, since times are taken before the commit;
the time alone finds the rows by their index.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import BigIntegerField, BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL

from windsock.django.actions.tasks import alias
from windsock.django.api.tasks import task_json
from windsock.django.events.positions import Position
from windsock.django.models import TaskRun
from windsock.run import FINISHED

PORTION = 1000  #: rows per query
#: How long a transaction may be open after it wrote a record, for streams to see that record in time.
LONGEST_TRANSACTION = timedelta(minutes=5)
CLOCKS = timedelta(seconds=5)  #: how far the machines' clocks may differ
#: Not in an event: what can be large. ``/api/tasks/<id>/`` has it.
LEFT_OUT = ("input_data", "result")
_COLUMNS = (
    *("id", "updated_at", "owner_id", "status", "progress", "name", "created_at"),
    *("related_table", "related_id", "operation"),
)
_TABLE = TaskRun._meta.db_table


@dataclass(frozen=True, slots=True)
class Change:
    """The state of a record, as an event."""

    position: Position
    transaction: int  #: which wrote it
    owner: Any  #: primary key of the user; None: nobody's
    finished: bool
    event: bytes  #: without its id

    @property
    def id(self) -> UUID:
        """The record's key."""
        return self.position.id


@dataclass(frozen=True, slots=True)
class Now:
    """The database at one moment."""

    at: datetime
    horizon: int  #: all transactions before it have ended
    following: int  #: the number that the next transaction gets

    @property
    def position(self) -> Position:
        """The place behind all that has changed."""
        return Position(self.at, horizon=self.horizon)


def now() -> Now:
    """Ask the record's database for its time and its transactions."""
    with connections[alias()].cursor() as cursor:
        cursor.execute(
            "SELECT statement_timestamp(), pg_snapshot_xmin(now)::text::bigint,"
            " pg_snapshot_xmax(now)::text::bigint FROM pg_current_snapshot() AS now"
        )
        at, oldest, following = cursor.fetchone()
    return Now(at, oldest % 2**32, following % 2**32)


def after(
    runs: QuerySet[TaskRun], position: Position, horizon: int, until: datetime | None = None
) -> list[Change]:
    """Return the first states behind ``position``, at most ``PORTION``, in order."""
    later = Q(updated_at__gt=position.at) | Q(id__gt=position.id)
    found = runs.filter(later, updated_at__gte=position.at)
    return _changes(found if until is None else found.filter(updated_at__lte=until), horizon)


def late(runs: QuerySet[TaskRun], position: Position, horizon: int) -> list[Change]:
    """Return states before ``position`` that were committed after it was read, at most ``PORTION``."""
    if position.horizon is None:
        return []
    earlier = Q(updated_at__lt=position.at) | Q(id__lt=position.id)
    recent = Q(updated_at__lte=position.at, updated_at__gt=position.at - LONGEST_TRANSACTION)
    return _changes(runs.filter(earlier, recent).filter(_not_before(position.horizon)), horizon)


def since(runs: QuerySet[TaskRun], position: Position, transactions: int, horizon: int) -> list[Change]:
    """Like ``after``, of transactions from number ``transactions`` on only."""
    return after(runs.filter(_not_before(transactions)), position, horizon)


def _not_before(transaction: int) -> Any:
    return RawSQL(  # noqa: S611 -- the table's name is a constant, the number a parameter
        f"age({_TABLE}.xmin) <= age(%s::text::xid)", (str(transaction),), output_field=BooleanField()
    )


def _changes(runs: QuerySet[TaskRun], horizon: int) -> list[Change]:
    wrote = RawSQL(f"{_TABLE}.xmin::text::bigint", (), output_field=BigIntegerField())  # noqa: S611
    rows = runs.using(alias()).order_by("updated_at", "id").annotate(wrote=wrote)
    return [_change(*row, horizon) for row in rows.values_list("wrote", *_COLUMNS)[:PORTION]]


def _change(*values: Any) -> Change:
    transaction, *row, horizon = values
    run = TaskRun(**dict(zip(_COLUMNS, row, strict=True)))
    shown = {name: value for name, value in task_json(run).items() if name not in LEFT_OUT}
    event = f"event: task\ndata: {json.dumps(shown, separators=(',', ':'))}\n\n".encode()
    position = Position(run.updated_at, run.id, horizon)
    return Change(position, transaction, run.owner_id, run.status in FINISHED, event)
