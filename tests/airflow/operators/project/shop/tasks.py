"""Functions of a project, as operators call them."""

import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

from django.db import connection

log = logging.getLogger(__name__)


def sync(day: str, factor: int = 2) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("select %s * 21", [factor])
        return {"day": day, "answer": cursor.fetchone()[0]}


def echo(*args: Any, **kwargs: Any) -> dict[str, Any]:
    types = [type(each).__name__ for each in (*args, *kwargs.values())]
    return {"args": list(args), "kwargs": kwargs, "types": types}


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


def absolute(many: set[complex], one: complex) -> list[float]:
    return [max(map(abs, many)), abs(one)]


def published(*args: Any, **kwargs: Any) -> list[Any]:
    return [list(args), kwargs]


def published_with_names(
    first: int, string_args: list[str] | None = None, templates_dict: dict[str, Any] | None = None
) -> list[Any]:
    return [first, string_args, templates_dict]
