"""What the relay does again and again, and how to have it done now."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection

CHANNEL = "windsock_relay"
SEND_TASKS = "tasks.send"
END_LOST = "tasks.lost"
WATCH_STATES = "states"
#: How late the relay may notice what nobody announced.
POLL = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Duty:
    """Something that the relay does in a thread of its own."""

    name: str  #: what ``wake`` calls it, "tasks.send"
    every: timedelta  #: pause between two rounds, > 0
    #: One round; may return a pause that is shorter than ``every``. What it raises is logged.
    run: Callable[[], timedelta | None]


def wake(name: str) -> None:
    """Have the relay do a duty at once, or as soon as the caller's transaction is committed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", (CHANNEL, name))
