"""The same function as a task; only Windsock reads this module."""

from typing import Any

from shop import reading
from windsock.django.compat import task


@task
def read(key: int) -> dict[str, Any]:
    """Ask the database once, and return a dict."""
    return reading.read(key)
