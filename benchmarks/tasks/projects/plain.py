"""Plain Celery without results: no record of anything."""

import os
from collections.abc import Iterable

from celery import Celery, group

from projects import effect

app = Celery("plain", broker=os.environ["BENCH_BROKER"])
app.conf.task_ignore_result = True
app.conf.worker_prefetch_multiplier = int(os.environ.get("BENCH_PREFETCH", "4"))

noop = app.task(effect.noop, name="noop")
nap = app.task(effect.nap, name="nap")
TASKS = {"noop": noop, "nap": nap}


def setup() -> None:
    """Nothing to make."""


def enqueue(name: str, number: int) -> str:
    return TASKS[name].delay(number).id


def enqueue_many(name: str, numbers: Iterable[int]) -> list[str]:
    """Celery's nearest equal: a group goes out over one producer."""
    return [each.id for each in group(TASKS[name].s(number) for number in numbers).apply_async()]
