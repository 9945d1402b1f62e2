"""What the warm process calls: set up once, then ``run`` in a child per step, and ``lost`` for one that died.

This module is imported before Django is set up, so it imports what needs the apps only when it is called.
"""

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any

import django
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.urls import get_resolver

from windsock.call import Outcome

#: Seconds after which a step's connection is renewed between its task and its end, at the least.
#: Something on the way may have given it up by then.
LEAST_AGE = 60.0


def setup() -> Callable[[], AbstractContextManager[None]]:
    """Set the project up, and load what every child would load; no connection is left open.

    Returns:
        What each child enters around its call.
    """
    django.setup()
    stepping = importlib.import_module("windsock.django.stepping")
    # A task that builds an address would load all URLs in its own child, every time.
    with suppress(Exception):
        _ = get_resolver().url_patterns
    # Without a database there is nothing to rehearse; each child will say so.
    with suppress(Exception):
        stepping.rehearse()
    connections.close_all()
    return _connected


def run(**identity: Any) -> Outcome:
    """Run one attempt of a step; see ``windsock.django.stepping.run``."""
    from windsock.django import stepping  # needs the apps

    return stepping.run(**identity)


def lost(**identity: Any) -> None:
    """End the record of an attempt that died; see ``windsock.django.stepping.lost``."""
    from windsock.django import stepping  # needs the apps

    stepping.lost(**identity)


@contextmanager
def _connected() -> Iterator[None]:
    from windsock.django.events.announcing import announce_through  # needs the settings
    from windsock.django.relay import wake

    # The relay announces for a child: a thread and a client for Redis would cost it more than all else.
    announce_through(partial(wake, "streams"))
    connection_created.connect(_keep)
    try:
        yield
    finally:
        connection_created.disconnect(_keep)
        announce_through(None)
        connections.close_all()


def _keep(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Have one connection do for the step: by Django's defaults it would last as long as one query."""
    if connection.close_at is not None:
        connection.close_at = max(connection.close_at, time.monotonic() + LEAST_AGE)
