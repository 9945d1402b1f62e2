"""Tasks that leave a row for each execution, and then do what a test is about."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from windsock.django.compat import task
from windsock.django.context import TaskContext


def leave_trace(context: TaskContext, word: str = "begun") -> None:
    """Leave a row that says who was here."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO trace (task, attempt, pid, word) VALUES (%s, %s, %s, %s)",
            (context.run.pk, context.attempt, os.getpid(), word),
        )


def wait_for_lock(number: int) -> None:
    """Wait until the test gives back an advisory lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s)", (number,))
        cursor.execute("SELECT pg_advisory_unlock_shared(%s)", (number,))


@task(takes_context=True)
def note(context: TaskContext) -> None:
    leave_trace(context)


@task
def nothing() -> None:
    pass


@task(takes_context=True)
def hang(context: TaskContext) -> None:
    """Wait to be killed."""
    leave_trace(context)
    threading.Event().wait(600)


@task(takes_context=True, retries=1)
def hang_at_first(context: TaskContext) -> int:
    """Wait to be killed in the first attempt."""
    leave_trace(context)
    if context.attempt == 1:
        threading.Event().wait(600)
    return context.attempt


@task(takes_context=True, retries=1)
def be_late(context: TaskContext, lock: int) -> str:
    """In the first attempt report and return when the test says so."""
    leave_trace(context)
    if context.attempt > 1:
        return "the second"
    wait_for_lock(lock)
    context.progress(77)
    leave_trace(context, "late")
    return "the first"


@task(takes_context=True, retries=1)
def fail_at_first(context: TaskContext) -> int:
    leave_trace(context)
    if context.attempt == 1:
        raise ValueError("the first attempt")
    return context.attempt


@task(takes_context=True)
def ignore_everything(context: TaskContext) -> None:
    """Never end, whatever is raised here."""
    leave_trace(context)
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            leave_trace(context, "ignored")


@task(takes_context=True)
def sit_in_the_database(context: TaskContext, lock: int) -> None:
    """Wait in one long statement, where no exception of Python arrives."""
    leave_trace(context)
    wait_for_lock(lock)


@task(takes_context=True)
def be_quick(context: TaskContext, seconds: float) -> str:
    """End of itself after a moment."""
    leave_trace(context)
    time.sleep(seconds)
    leave_trace(context, "ended")
    return "ended"


@task(takes_context=True)
def be_quick_and_deaf(context: TaskContext, seconds: float) -> str:
    """Do the same, and ignore whatever is raised here."""
    leave_trace(context)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(BaseException):
            time.sleep(0.005)
    leave_trace(context, "ended")
    return "ended"


@task(takes_context=True)
def fail_in_its_transaction(context: TaskContext, lock: int) -> None:
    """Report progress inside a long transaction that rolls back."""
    with transaction.atomic():
        leave_trace(context)
        context.progress(30)
        wait_for_lock(lock)
        context.progress(70)
        raise ValueError("rolled back")


class _Unpicklable(Exception):
    def __init__(self, first: str, second: Callable[[], None]) -> None:
        self.first, self.second = first, second
        super().__init__()

    def __str__(self) -> str:
        return f"it holds {self.first}"

    def __reduce__(self) -> Any:
        raise TypeError("this exception is never pickled")


@task(takes_context=True)
def return_an_object(context: TaskContext) -> Any:
    leave_trace(context)
    return {"when": timedelta(1), "what": object()}


@task(takes_context=True)
def return_nan(context: TaskContext) -> Any:
    leave_trace(context)
    return float("nan")


@task(takes_context=True)
def raise_the_unpicklable(context: TaskContext) -> None:
    leave_trace(context)
    raise _Unpicklable("a function", lambda: None)


@task(takes_context=True)
def return_much(context: TaskContext, megabytes: int) -> str:
    leave_trace(context)
    return "x" * (megabytes << 20)
