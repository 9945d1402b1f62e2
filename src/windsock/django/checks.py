"""What ``manage.py check`` finds wrong with a project that uses Windsock."""

import os
import re
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import connections

from windsock.django import compat
from windsock.django.actions.tasks import alias
from windsock.django.tasks import registered

POSTGRESQL_FLOOR = 16
MIDDLEWARE = "windsock.django.middleware.DatabaseAway"
#: Pools of Celery whose tasks share a process that must not be killed for one of them.
THREADS = {"thread", "threads", "gevent", "eventlet"}


def register_all() -> None:
    """Register the checks; the one that asks the database runs with ``--database`` and before ``migrate``."""
    checks.register(check_database_kind, checks.Tags.compatibility)
    checks.register(check_database_version, checks.Tags.database)
    checks.register(check_broker, checks.Tags.compatibility)
    checks.register(check_middleware, checks.Tags.compatibility)
    checks.register(check_asgi, checks.Tags.compatibility)
    checks.register(check_pool, checks.Tags.compatibility)
    checks.register(check_queues, checks.Tags.compatibility)


def check_database_kind(**_: Any) -> list[checks.CheckMessage]:
    """E001: the record's database is not PostgreSQL."""
    if connections.settings[alias()]["ENGINE"].endswith(("postgresql", "postgis")):
        return []
    return [checks.Error("Windsock keeps its record in PostgreSQL only.", id="windsock.E001")]


def check_database_version(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """E002: the record's PostgreSQL is older than 16."""
    connection = connections[alias()]
    if alias() not in (databases or ()) or connection.vendor != "postgresql":
        return []
    connection.ensure_connection()
    version = connection.connection.info.server_version // 10_000
    if version >= POSTGRESQL_FLOOR:
        return []
    return [checks.Error(f"PostgreSQL {version} is too old: Windsock needs 16 or newer.", id="windsock.E002")]


def check_broker(**_: Any) -> list[checks.CheckMessage]:
    """E003: tasks go to Celery, which has no broker."""
    if (
        not _celery_backends()
        or os.environ.get("CELERY_BROKER_URL")
        or getattr(settings, "CELERY_BROKER_URL", None)
    ):
        return []
    hint = "Set CELERY_BROKER_URL in the settings or the environment."
    return [checks.Error("Celery has no broker.", hint=hint, id="windsock.E003")]


def check_middleware(**_: Any) -> list[checks.CheckMessage]:
    """W001: a lost database becomes an error 500, in some places or all."""
    middleware = list(settings.MIDDLEWARE)
    if middleware[:1] == [MIDDLEWARE]:
        return []
    where = "is not the first" if MIDDLEWARE in middleware else "is missing"
    hint = f"Put {MIDDLEWARE!r} first in MIDDLEWARE: what is raised above it is not answered with 503."
    return [checks.Warning(f"DatabaseAway {where} in MIDDLEWARE.", hint=hint, id="windsock.W001")]


def check_asgi(**_: Any) -> list[checks.CheckMessage]:
    """W002: event streams need a server that does not spend a thread on each of them."""
    if getattr(settings, "ASGI_APPLICATION", None):
        return []
    hint = (
        "Serve the project by ASGI and name its application in ASGI_APPLICATION, for example "
        "'windsock.django.asgi.application'; under WSGI every open stream holds a thread."
    )
    return [checks.Warning("No ASGI application serves event streams.", hint=hint, id="windsock.W002")]


def check_pool(**_: Any) -> list[checks.CheckMessage]:
    """W003: Celery's worker has a pool in which no task can be ended by force."""
    if not _celery_backends():
        return []
    from windsock.django.celery import app

    pool = str(getattr(settings, "CELERY_WORKER_POOL", None) or app.conf.worker_pool)
    name = next(iter(THREADS & set(re.split(r"\W", pool))), None)
    if name is None:
        return []
    hint = "Run manage.py windsock_worker, or Celery's worker with the pool 'prefork' or 'solo'."
    text = (
        f"In Celery's pool {name!r} neither cancelling nor a time limit can end a task that does not listen."
    )
    return [checks.Warning(text, hint=hint, id="windsock.W003")]


def check_queues(**_: Any) -> list[checks.CheckMessage]:
    """W004: tasks go to queues that a worker does not read unless it is told to."""
    found: list[checks.CheckMessage] = []
    for alias_, backend in _celery_backends().items():
        read = {"default", *(name for each in settings.TASKS.values() for name in each.get("QUEUES", ()))}
        for path, task in sorted(registered().items()):
            if task.backend == alias_ and task.queue_name not in read:
                text = (
                    f"The task {path} goes to the queue {task.queue_name!r}, which no worker reads by itself."
                )
                hint = f"Name it in TASKS[{alias_!r}]['QUEUES'], or have a worker read it."
                found.append(checks.Warning(text, hint=hint, obj=type(backend), id="windsock.W004"))
    return found


def _celery_backends() -> dict[str, Any]:
    backends = {name: compat.task_backends[name] for name in compat.task_backends}
    return {name: found for name, found in backends.items() if getattr(found, "needs_broker", False)}
