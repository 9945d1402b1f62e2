"""What ``manage.py check`` finds wrong with a project that uses Windsock."""

import os
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import connections

from windsock.django import compat
from windsock.django.actions.tasks import alias

POSTGRESQL_FLOOR = 16


def register_all() -> None:
    """Register the checks; the one that asks the database runs with ``--database`` and before ``migrate``."""
    checks.register(check_database_kind, checks.Tags.compatibility)
    checks.register(check_database_version, checks.Tags.database)
    checks.register(check_broker, checks.Tags.compatibility)


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
    needed = any(getattr(backend, "needs_broker", False) for backend in compat.task_backends.all())
    if not needed or os.environ.get("CELERY_BROKER_URL") or getattr(settings, "CELERY_BROKER_URL", None):
        return []
    hint = "Set CELERY_BROKER_URL in the settings or the environment."
    return [checks.Error("Celery has no broker.", hint=hint, id="windsock.E003")]
