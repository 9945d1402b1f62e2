"""``manage.py windsock_worker``."""

import logging
import os
import socket
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from windsock.django.actions.tasks import release
from windsock.django.celery import child
from windsock.django.celery.app import app
from windsock.django.celery.processes import Processes
from windsock.django.celery.queues import queue_name
from windsock.django.celery.worker import worker_name
from windsock.django.signalling import spare_djangos_lines


class Command(BaseCommand):
    """Runs the tasks of this project until SIGTERM or SIGINT, one at a time in each of its processes.

    It touches ``WINDSOCK_READY_FILE`` when all of them take messages.
    """

    help = "Runs tasks, one at a time in each process. SIGTERM waits for what runs; a second one does not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say how many and what for."""
        parser.add_argument("--processes", type=int, default=2, help="how many tasks at a time (2)")
        parser.add_argument("--queues", default="", help="default,mail; without it all that TASKS names")

    def handle(self, *, processes: int, queues: str, **_: Any) -> None:
        """Run in the foreground."""
        if not 1 <= processes <= 150:
            raise CommandError("--processes takes 1 to 150.")
        names = _queues(queues)
        _prepare()
        ready_file = os.environ.pop("WINDSOCK_READY_FILE", "")
        Processes(
            partial(_work, os.getpid(), names),
            count=processes,
            ready=Path(ready_file).touch if ready_file else lambda: None,
            gone=_release,
        ).run()


def _prepare() -> None:
    """Load what every process would load, and leave no connection open."""
    if not settings.LOGGING:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    spare_djangos_lines()
    app.finalize()
    connections.close_all()


def _queues(wanted: str) -> tuple[str, ...]:
    known = {queue.name for queue in app.conf.task_queues}
    names = dict.fromkeys(name.strip() for name in wanted.split(",") if name.strip())
    if unknown := [name for name in names if queue_name(name) not in known]:
        raise CommandError(f"No backend in TASKS names these queues: {', '.join(unknown)}.")
    return tuple(map(queue_name, names))


def _work(parent: int, queues: tuple[str, ...], number: int, ready: Callable[[], object]) -> int:
    return child.run(node=f"windsock-{parent}-{number}@{socket.gethostname()}", queues=queues, ready=ready)


def _release(pid: int) -> None:
    try:
        release(worker_name(pid))
    finally:
        connections.close_all()
