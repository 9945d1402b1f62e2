"""procrastinate: PostgreSQL as the queue, through its Django app."""

from collections.abc import Iterable

from procrastinate.contrib.django import app

from projects import effect
from projects.migrated import setup

__all__ = ["enqueue", "enqueue_many", "setup"]


@app.task(name="noop")
def noop(number: int) -> None:
    effect.noop(number)


@app.task(name="nap")
def nap(number: int) -> None:
    effect.nap(number)


TASKS = {"noop": noop, "nap": nap}


def enqueue(name: str, number: int) -> str:
    return str(TASKS[name].defer(number=number))


def enqueue_many(name: str, numbers: Iterable[int]) -> list[str]:
    return [str(each) for each in TASKS[name].batch_defer(*({"number": number} for number in numbers))]
