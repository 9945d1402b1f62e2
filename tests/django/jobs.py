"""Tasks for the tests."""

import asyncio
import logging
import os
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection, transaction

from windsock.django.compat import task
from windsock.django.context import TaskContext
from windsock.django.execution import Refused
from windsock.django.models import ApiToken
from windsock.errors import FailWithoutRetry, Skip


@task
def add(a: int, b: int = 1) -> int:
    return a + b


@task
def named(run: int, function: int) -> list[int]:
    return [run, function]


@task
async def add_later(a: int, b: int) -> int:
    return a + b


@task(takes_context=True)
def report(context: TaskContext, steps: int = 4) -> dict[str, int]:
    for done in range(steps + 1):
        context.progress(done, steps)
    return {"attempt": context.attempt}


@task(takes_context=True)
def report_in_vain(context: TaskContext) -> None:
    """Report progress inside a transaction that rolls back."""
    with transaction.atomic():
        context.progress(55)
        wait_for_lock()
        raise ValueError("rolled back")


@task(takes_context=True, retries=2)
def fail_at_first(context: TaskContext) -> int:
    if context.attempt < 3:
        raise ValueError(f"attempt {context.attempt}")
    return context.attempt


@task(retries=1, retry_delay=timedelta(hours=1))
def fail_slowly() -> None:
    raise ValueError("no")


@task(retries=5)
def fail_for_good() -> None:
    raise FailWithoutRetry("never")


@task
def fail() -> None:
    raise ValueError("no")


@task
def refuse() -> None:
    raise Refused("Could not.", {"name": ["is taken"]})


@task
def skip() -> None:
    raise Skip("nothing to do")


@task
def leave() -> None:
    raise SystemExit(3)


@task
def unfit() -> object:
    return object()


@task
def huge() -> str:
    return "x" * 300_000


@task
def nul() -> str:
    return "\x00"


@task
def enqueue_add(a: int) -> None:
    add.enqueue(a)


@task(takes_context=True)
def meet(context: TaskContext, folder: str) -> int:
    """Leave a trace, then wait for the test."""
    traces = Path(folder)
    (traces / f"attempt-{context.attempt}").touch()
    wait_for_lock()
    return context.attempt


@task(takes_context=True, retries=1)
def meet_again(context: TaskContext, folder: str) -> int:
    return meet.func(context, folder)  # type: ignore[no-any-return]


def wait_for_lock() -> None:
    """Wait until the test gives back advisory lock 1."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(1)")
        cursor.execute("SELECT pg_advisory_unlock_shared(1)")


@task
def count(name: str) -> Any:
    """Leave a row, so that executions can be counted."""
    user, _ = get_user_model()._default_manager.get_or_create(username="counter")
    ApiToken.objects.create(user=user, name=name, digest=name)


def block() -> None:
    """Wait for a signal, also one that comes between Python's last look for signals and the system call."""
    while True:
        time.sleep(0.05)


@task(takes_context=True)
def wait_for_ever(context: TaskContext) -> None:
    """Tell the number of the process, and wait to be killed."""
    context.relate(os.getpid())
    block()


@task(takes_context=True)
def defy(context: TaskContext) -> None:
    """Tell the number of the process, and go on whatever comes."""
    context.relate(os.getpid())
    while True:
        with suppress(BaseException):
            block()


@task(takes_context=True, retries=1, timeout=timedelta(seconds=0.2))
def last_too_long(context: TaskContext) -> int:
    """Take too long at first."""
    if context.attempt == 1:
        block()
    return context.attempt


@task(takes_context=True)
async def wait_for_ever_async(context: TaskContext) -> None:
    """Tell the number of the process, and wait to be cancelled."""
    context.relate(os.getpid())
    await asyncio.Event().wait()


@task(takes_context=True)
def wait_for_lock_in_transaction(context: TaskContext) -> None:
    """Block in a query of a transaction."""
    context.relate(os.getpid())
    with transaction.atomic():
        wait_for_lock()


@task
def tell_process() -> int:
    """Return the number of the process."""
    return os.getpid()


@task(takes_context=True)
def turn(context: TaskContext, rounds: int) -> int:
    """Take a moment."""
    return sum(1 for _ in range(rounds) if not context.cancelled)


class Unspeakable(Exception):
    """Neither printed nor pickled."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    def __reduce__(self) -> Any:
        raise RuntimeError("no pickle")


@task
def fail_unspeakably() -> None:
    raise Unspeakable


@task
def give_circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


@task
def give_300_megabytes() -> list[str]:
    return ["x" * 1_000_000] * 300


@task
async def cancel_oneself() -> None:
    raise asyncio.CancelledError


@task
def leave_transaction_open() -> None:
    transaction.atomic().__enter__()


@task(sensitive=("password",))
def speak(password: str) -> None:
    """Log to a logger of the project's own and to others."""
    for name in ("shop.own", "shop.other"):
        logging.getLogger(name).info("info of %s", name)
        logging.getLogger(name).warning("warning of %s about %s", name, password)
    print("and", password)


@task
def loaded(module: str) -> bool:
    """Return whether a module is loaded where this runs."""
    return module in sys.modules
