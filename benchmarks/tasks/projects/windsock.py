"""Windsock: the record first, one message each."""

import time
from collections.abc import Iterable
from typing import Any

from projects import effect
from projects.migrated import setup
from windsock.django.compat import task

__all__ = ["enqueue", "enqueue_many", "setup"]


@task
def noop(number: int) -> None:
    effect.noop(number)


@task
def nap(number: int) -> None:
    effect.nap(number)


@task(takes_context=True)
def report_often(context: Any, reports: int) -> None:
    """Report progress a hundred times in a row, a thousand times in half a minute: each percent is news."""
    for done in range(1, reports + 1):
        context.progress(done, reports)
        if done % 100 == 0:
            time.sleep(0.03)
    effect.noop(reports)


@task(takes_context=True)
def report_steadily(context: Any, seconds: int) -> None:
    """Report progress a hundred times a second for a while."""
    for done in range(seconds * 100):
        time.sleep(0.01)
        context.progress(done + 1, seconds * 100)
    effect.noop(seconds)


TASKS = {"noop": noop, "nap": nap, "report_often": report_often, "report_steadily": report_steadily}


def enqueue(name: str, number: int) -> str:
    return TASKS[name].enqueue(number).id


def enqueue_many(name: str, numbers: Iterable[int]) -> list[str]:
    return [each.id for each in TASKS[name].enqueue_many(([number], {}) for number in numbers)]
