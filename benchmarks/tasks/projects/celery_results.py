"""Celery with the result backend django-celery-results: a row once the task has ended."""

import os

from celery import Celery

from projects import effect
from projects.migrated import setup

__all__ = ["app", "enqueue", "setup"]

app = Celery("celery_results", broker=os.environ["BENCH_BROKER"], backend="django-db")
app.conf.worker_prefetch_multiplier = int(os.environ.get("BENCH_PREFETCH", "4"))
app.conf.result_extended = True

TASKS = {name: app.task(getattr(effect, name), name=name) for name in ("noop", "nap")}


def enqueue(name: str, number: int) -> str:
    return TASKS[name].delay(number).id
