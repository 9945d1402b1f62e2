"""What the warm process calls: set up once, then ``run`` in a child per step, and ``lost`` for one that died.

This module is imported before Django is set up, so it imports what needs the apps only when it is called.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import django
from django.db import connections
from django.urls import get_resolver

from windsock.call import Outcome


def setup() -> Callable[[], AbstractContextManager[None]]:
    """Set the project up, and load what every child would load; no connection is left open.

    Returns:
        What each child enters around its call.
    """
    django.setup()
    importlib.import_module("windsock.django.stepping")
    # A task that builds an address would load all URLs in its own child, every time.
    with suppress(Exception):
        _ = get_resolver().url_patterns
    from windsock.django.events import announcing  # needs the settings

    announcing.prepare()
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
    from windsock.django.events.announcing import announcer

    try:
        yield
    finally:
        announcer.stop()
        connections.close_all()
