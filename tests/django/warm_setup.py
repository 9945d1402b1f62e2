"""What the warm process of the tests is set up with."""

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager

from windsock.django import steps


def setup() -> Callable[[], AbstractContextManager[None]]:
    """Set up the project and the tests' tasks, which belong to no app."""
    around = steps.setup()
    importlib.import_module("tests.django.jobs")
    return around
