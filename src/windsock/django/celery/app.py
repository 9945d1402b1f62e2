"""Windsock's own Celery app; a project's other Celery apps are left alone."""

import os
from pathlib import Path
from typing import Any

import django
from celery import Celery, signals
from django.conf import settings
from django.db import connections
from kombu import Exchange, Queue

from windsock.django.celery.queues import LEVELS, queue_name

MAX_CONNECTION_AGE = 600  #: seconds that a worker keeps a database connection

_worker_process = 0  # the first process of this worker


def _configuration() -> dict[str, Any]:
    # Celery itself lets the environment's CELERY_BROKER_URL win.
    # Read as plain data, since the worker wants its configuration before Django is set up.
    backends = getattr(settings, "TASKS", {}).values()
    names = sorted({"default"} | {name for backend in backends for name in backend.get("QUEUES", ())})
    return {
        "broker_url": getattr(settings, "CELERY_BROKER_URL", None),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "priority_steps": list(range(LEVELS)),
            "queue_order_strategy": "priority",
        },
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_ignore_result": True,
        "task_default_queue": queue_name("default"),
        "task_queues": [
            Queue(queue_name(name), Exchange(queue_name(name)), routing_key=queue_name(name), max_priority=9)
            for name in names
        ],
        "worker_prefetch_multiplier": 1,
    }


# Celery's fixup for Django would close the connections after every task.
app = Celery("windsock", fixups=[], set_as_current=False, include=["windsock.django.celery.worker"])
app.add_defaults(_configuration)


@signals.import_modules.connect(sender=app)
def _set_up_django(**_: Any) -> None:
    django.setup()
    connections.close_all()


@signals.worker_init.connect
def _prepare_children(sender: Any = None, **_: Any) -> None:
    """Only in our own worker: another app's may import this module to enqueue."""
    global _worker_process
    if getattr(sender, "app", None) is app:
        _worker_process = os.getpid()
        signals.worker_process_init.connect(_keep_connections)
        signals.worker_process_init.connect(_be_expendable)


def _be_expendable(**_: Any) -> None:
    """A child of Celery's own may be killed to end a task: its parent replaces it."""
    # Here, because django.setup() has to come first.
    from windsock.django.heartbeat import heartbeat

    heartbeat.expendable = os.getpid() != _worker_process


def _keep_connections(**_: Any) -> None:
    """Keep connections between tasks; the record's own is not probed, since a claim may be repeated."""
    # Here, because django.setup() has to come first.
    from windsock.django.actions.tasks import alias

    for name, values in connections.settings.items():
        values["CONN_MAX_AGE"] = MAX_CONNECTION_AGE
        values["CONN_HEALTH_CHECKS"] = name != alias()


@signals.worker_ready.connect
def _say_ready(sender: Any = None, **_: Any) -> None:
    ready_file = os.environ.get("WINDSOCK_READY_FILE")
    if ready_file and getattr(sender, "app", None) is app:
        Path(ready_file).touch()
