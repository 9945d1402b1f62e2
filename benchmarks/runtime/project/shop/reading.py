"""What every way calls."""

from typing import Any

from shop.models import Report


def read(key: int) -> dict[str, Any]:
    """Ask the database once, and return a dict."""
    return dict(Report.objects.values("id", "title").get(pk=key))
