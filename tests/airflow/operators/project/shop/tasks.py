"""Functions of a project, as operators call them."""

import logging
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection

log = logging.getLogger(__name__)


def sync(day: str, factor: int = 2) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("select %s * 21", [factor])
        return {"day": day, "answer": cursor.fetchone()[0]}


def echo(*args: Any, **kwargs: Any) -> dict[str, Any]:
    return {"args": list(args), "kwargs": kwargs}


def kinds() -> dict[str, Any]:
    return {
        "date": date(2026, 1, 2),
        "moment": datetime(2026, 1, 2, 3, tzinfo=UTC),
        "clock": clock(3, 4),
        "span": timedelta(minutes=1.5),
        "price": Decimal("12.30"),
        "precise": Decimal("0.12345678901234567890"),
        "key": UUID(int=7),
        "path": Path("/srv/shop"),
        "bytes": b"\x00\xff",
        "set": {1},
        "pair": (1, "a"),
        7: None,
    }


def where() -> dict[str, Any]:
    return {
        "executable": sys.executable,
        "directory": os.getcwd(),
        "settings": os.environ["DJANGO_SETTINGS_MODULE"],
        "airflow": sorted(name for name in os.environ if "AIRFLOW" in name),
        "mood": os.environ.get("MOOD"),
    }


def chatter(folder: str) -> None:
    """Say something on every channel, and go on only when a test has seen it."""
    print("printed by the project")
    print("complained by the project", file=sys.stderr)
    log.info("logged by the project")
    while not Path(folder, "seen").exists():
        time.sleep(0.01)


def boom() -> None:
    try:
        raise KeyError("the deeper reason")
    except KeyError as error:
        raise LookupError("no such shop: 7") from error


def unpicklable_by_json() -> complex:
    return 2 + 3j


def a_function() -> Callable[..., Any]:
    return print


def published(*args: Any, **kwargs: Any) -> list[Any]:
    return [list(args), kwargs]


def published_with_names(
    first: int, string_args: list[str] | None = None, templates_dict: dict[str, Any] | None = None
) -> list[Any]:
    return [first, string_args, templates_dict]
