"""The ways, and the orders for what is measured with a stub of Airflow's API."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import sites
from client import Client

FIRST = "report_1"
MANY = 5000  #: workflows
#: What the workers of the scheduler inherit that Windsock starts.
PRELOADED = ("windsock.airflow.bundle", "windsock.airflow.coordinator")


@dataclass(frozen=True, slots=True)
class Way:
    """How a DAG's only task gets to the Django function."""

    name: str
    dag: str
    file: str = ""  #: of hand-written ones
    quick: bool = False  #: whether a quick run takes all its figures
    seconds: float = 75  #: for its runs one by one
    at_once: float = 15  #: seconds for its runs at once
    known: float = 40  #: seconds until Airflow knows its DAG
    stub: float = 0  #: seconds for its runs with a stub of Airflow's API; 0: none are made
    repeats: int = 1  #: how often its runs at once are measured


WARM = Way("warm", FIRST, quick=True, at_once=60, repeats=3)
WARM_MANY = Way("warm_many", FIRST, at_once=60, repeats=3)
BARE = Way("bare", FIRST, quick=True)
OPERATORS = (
    Way("django_venv", "django_venv", "django_venv.py"),
    Way("django_uv", "django_uv", "django_uv.py"),
    Way("django_poetry", "django_poetry", "django_poetry.py", stub=25),
    Way("celery_task", "celery_task", "celery_task.py", at_once=30),
)
EMPTY = Way("empty", "empty", "empty.py", stub=20)  #: what the others are compared with at their moment
STOCK = (
    EMPTY,
    Way("obvious_1", f"{FIRST}_of_1", "obvious_1.py", quick=True, at_once=25, stub=30, repeats=3),
    Way("external", "external", "external.py", stub=30),
    Way("published", "published", "published.py", seconds=120, at_once=20),
    Way("obvious_1000", f"{FIRST}_of_1000", "obvious_1000.py", known=60, stub=30),
    Way("obvious_5000", f"{FIRST}_of_5000", "obvious_5000.py", known=180, seconds=80, stub=60),
)
SLOW = ("warm_many", "obvious_1000", "obvious_5000")  #: not in a quick run


def stubbed(way: Way) -> Way:
    """Return a way of the warm runtime, for its runs with a stub."""
    return replace(way, quick=True, stub=30)


def step(rows: Client) -> dict[str, Any]:
    """Return the order for a step of a published workflow."""
    shard = hashlib.sha256(FIRST.encode()).hexdigest()[:2]
    return {
        "modules": PRELOADED,
        "task": {
            "dag": FIRST,
            "step": "read",
            "bundle": "windsock",
            "version": str(rows.order("revision", workflow=FIRST)),
            "file": f"shards/{shard}.py",
            "queue": "windsock",
        },
        "beside": [_by_hand(EMPTY)],
    }


def hand_written(way: Way) -> dict[str, Any]:
    """Return the order for the task of a hand-written DAG."""
    return {"task": _by_hand(way), "beside": [_by_hand(EMPTY)]}


def _by_hand(way: Way) -> dict[str, str]:
    task = {"dag": way.dag, "step": "read", "bundle": sites.BUNDLE, "version": "", "file": way.file}
    return task | {"queue": "default"}
