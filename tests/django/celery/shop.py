"""A project's own Celery app, for the tests of observing."""

import os
from pathlib import Path
from typing import Any

from celery import Celery, Task, shared_task, signals
from celery.exceptions import Ignore

app = Celery("shop", broker=os.environ.get("CELERY_BROKER_URL"), set_as_current=True)
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)


@signals.worker_ready.connect
def say_ready(sender: Any, **_: Any) -> None:
    if sender.app is app:
        Path(os.environ["WINDSOCK_READY_FILE"]).touch()


@shared_task
def add(a: int, b: int) -> dict[str, int]:
    return {"sum": a + b}


@shared_task
def unfit() -> object:
    return {1, 2}


@shared_task
def fail(shelf: str) -> None:
    raise ValueError("no such shelf")


@shared_task(bind=True, max_retries=2, default_retry_delay=0)
def fail_at_first(self: Task) -> int:
    if self.request.retries < 2:
        raise self.retry(exc=ValueError(f"try {self.request.retries}"))
    return int(self.request.retries)


@shared_task
def ignore() -> None:
    raise Ignore


@shared_task
def break_the_record() -> int:
    """Take the record away from under whoever writes it."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE windsock_taskrun RENAME TO windsock_hidden")
    return 1


@shared_task
def die() -> None:
    os._exit(1)
