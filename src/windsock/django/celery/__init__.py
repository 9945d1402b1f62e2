"""The one door to Celery: a backend for Django's tasks and the app that its worker runs.

``TASKS = {"default": {"BACKEND": "windsock.django.celery.CeleryBackend"}}`` in the settings;
``manage.py windsock_worker`` on the machine that works, or ``celery -A windsock.django.celery:app worker``.
"""

from typing import TYPE_CHECKING, Any

from windsock.django.celery.app import app

if TYPE_CHECKING:
    from windsock.django.celery.backend import CeleryBackend

__all__ = ["CeleryBackend", "app"]


def __getattr__(name: str) -> Any:
    if name != "CeleryBackend":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # The worker's command line imports this package before Django is set up, and the backend needs models.
    from windsock.django.celery.backend import CeleryBackend

    return CeleryBackend
