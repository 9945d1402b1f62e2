"""Work that a test holds up."""

import time
from typing import Any

from django.db import connection

from windsock.django.compat import task
from windsock.django.context import TaskContext
from windsock.errors import FailWithoutRetry


@task(takes_context=True)
def report(context: TaskContext, lock: int) -> dict[str, Any]:
    """Be half done, then wait until the test gives the lock back."""
    context.progress(50)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s)", (lock,))
        cursor.execute("SELECT pg_advisory_unlock_shared(%s)", (lock,))
    return {"lock": lock, "attempt": context.attempt}


@task
def last_long() -> None:
    """Take longer than anybody waits."""
    for _ in range(3000):
        time.sleep(0.1)


@task
def refuse(key: str) -> None:
    """Fail at once and for good."""
    raise FailWithoutRetry(f"nothing is known of {key}")
