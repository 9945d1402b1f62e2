"""Windsock's settings: one dictionary ``WINDSOCK``, over which the environment wins."""

import os
from typing import Any

from django.conf import settings as django_settings


class Settings:
    """The attributes are the defaults; ``WINDSOCK_<NAME>`` wins over ``settings.WINDSOCK["<NAME>"]``."""

    BASE_URL: str = "http://127.0.0.1:8000"  #: where this Django project answers
    AIRFLOW_URL: str = ""  #: Airflow's web address; empty: no Airflow
    AIRFLOW_USERNAME: str = ""
    AIRFLOW_PASSWORD: str = ""
    FEED_KEY: str = ""  #: shared with Airflow, at least 16 characters
    SERVICE_OWNER: str = ""  #: user to whom tasks belong that DAGs start; empty: nobody
    SERVICE_TRACEBACKS: bool = True  #: whether Airflow's task logs show the tracebacks of such tasks
    API_TOKEN: str = ""  #: a token with which tasks may call this project's own API
    QUEUE: str = "windsock"  #: Airflow's queue of this project's steps
    BUNDLE: str = "windsock"  #: Airflow's bundle of this project's workflows
    LEASE_SECONDS: float = 30  #: how long a task stays its worker's without a heartbeat
    RESEND_SECONDS: float = 30  #: how long a message may be on its way
    CANCEL_GRACE_SECONDS: float = 10  #: from "stop" to the end of a task that does not listen
    RETENTION_DAYS: float = 0  #: how long finished records are kept; 0: for ever
    EVENTS_URL: str = ""  #: Redis that wakes open event streams; empty: the broker, if that is a Redis
    STREAMS_PER_USER: int = 10  #: event streams that one user may hold open in one web process
    THROTTLE_RATE: str = "600/min"  #: requests that start work, per user; empty: no limit
    OBSERVE_CELERY: bool = False  #: record what plain Celery tasks do
    OBSERVE_CELERY_ARGUMENTS: bool = False  #: with their arguments, which are masked otherwise
    EXAMPLE_DATA: tuple[str, ...] = ()  #: fixtures that ``windsock up`` loads into empty tables
    PROJECT_URLCONF: str = ""  #: set by ``configure``: the project's own ROOT_URLCONF

    def __getattribute__(self, name: str) -> Any:
        default = super().__getattribute__(name)
        if not name.isupper():
            return default
        configured = getattr(django_settings, "WINDSOCK", {}).get(name, default)
        return os.environ.get(f"WINDSOCK_{name}", configured)


settings = Settings()


def is_on(name: str) -> bool:
    """Whether a setting says yes, which the environment says in words: 1, true, yes or on."""
    return str(getattr(settings, name)).lower() in {"1", "true", "yes", "on"}


def is_configured(name: str) -> bool:
    """Whether somebody set this, so that it is not the default."""
    return name in getattr(django_settings, "WINDSOCK", {}) or f"WINDSOCK_{name}" in os.environ
