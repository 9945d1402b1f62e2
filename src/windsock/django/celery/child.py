"""One process of ``windsock_worker``: our Celery app's worker, with each task in its main thread."""

import os
import signal
from collections.abc import Callable
from typing import Any

from celery import bootsteps
from celery.apps.worker import Worker
from celery.worker import state

from windsock.django.celery.app import app
from windsock.django.celery.consuming import TakeOne, strategy
from windsock.django.celery.sending import TASK
from windsock.django.celery.worker import perform
from windsock.django.heartbeat import heartbeat


class _WakeUp(bootsteps.Step):
    """Have a request to stop wake the event loop, which would sleep on for seconds."""

    requires = (TakeOne,)

    def __init__(self, consumer: Any, **_: Any) -> None:
        self.reader, writer = os.pipe()
        os.set_blocking(writer, False)
        # Its handler alone would not wake a poll that begins just when the signal comes.
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def register_with_event_loop(self, consumer: Any, hub: Any) -> None:
        hub.add_reader(self.reader, os.read, self.reader, 100)


class Child(Worker):
    """Celery's worker without what belongs to a program: logging, banner, being the current app."""

    def __init__(self, *, node: str, queues: tuple[str, ...], ready: Callable[[], object]) -> None:
        self._ready = ready
        super().__init__(
            app=app,
            hostname=node,
            queues=list(queues),
            pool_cls="solo",
            concurrency=1,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            quiet=True,
        )

    def on_before_init(self, quiet: bool = False, **_: Any) -> None:
        """Leave the project's own Celery app the current one."""
        self.quiet = quiet

    def on_init_blueprint(self) -> None:
        """Leave logging to Django's settings."""
        self._custom_logging = True
        self.app.finalize()

    def on_consumer_ready(self, consumer: Any) -> None:
        """Be told, each time that it consumes."""
        super().on_consumer_ready(consumer)
        self._ready()

    def set_process_status(self, info: str) -> None:
        """Leave the process its name."""

    def install_platform_tweaks(self, worker: Any) -> None:
        """Stop after the running task on SIGTERM; SIGINT is the parent's, as a terminal sends it to all."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    def _stop(self, *_: Any) -> None:
        state.should_stop = os.EX_OK  # type: ignore[assignment]


def run(*, node: str, queues: tuple[str, ...], ready: Callable[[], object]) -> int:
    """Work in this process until SIGTERM; return the exit code.

    Args:
        node: a name that no other worker has, "windsock-1@host".
        queues: the broker's queues to read.
        ready: called whenever messages are taken from the broker again.
    """
    app.conf.broker_heartbeat = 0  # a task in the same thread would miss it
    app.steps["consumer"].update({TakeOne, _WakeUp})
    app.tasks[TASK].Strategy = strategy(perform)  # type: ignore[assignment]
    worker = Child(node=node, queues=queues, ready=ready)
    heartbeat.expendable = True
    worker.start()
    return int(worker.exitcode or 0)
