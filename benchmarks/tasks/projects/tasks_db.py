"""django-tasks-db: Django's tasks with the database as the queue."""

from django_tasks import task

from projects import effect
from projects.migrated import setup

__all__ = ["enqueue", "setup"]


@task
def noop(number: int) -> None:
    effect.noop(number)


@task
def nap(number: int) -> None:
    effect.nap(number)


TASKS = {"noop": noop, "nap": nap}


def enqueue(name: str, number: int) -> str:
    return TASKS[name].enqueue(number).id
