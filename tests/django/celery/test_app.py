from typing import Any

import celery
import pytest
from celery import signals
from django.db import connections
from django.test import override_settings

from windsock.django.celery import app
from windsock.django.celery.app import _be_expendable, _configuration, _keep_connections
from windsock.django.heartbeat import heartbeat


def test_messages_are_json_and_nothing_else() -> None:
    assert (app.conf.accept_content, app.conf.task_serializer) == (["json"], "json")


def test_there_is_no_result_backend() -> None:
    assert app.conf.result_backend is None
    assert app.conf.task_ignore_result


def test_the_projects_own_celery_app_stays_current() -> None:
    assert celery.current_app._get_current_object() is not app


def test_the_settings_name_the_broker_and_the_queues() -> None:
    backend = {"BACKEND": "windsock.django.celery.CeleryBackend", "QUEUES": ["mail"]}
    with override_settings(CELERY_BROKER_URL="redis://somewhere", TASKS={"default": backend}):
        configuration = _configuration()

    assert configuration["broker_url"] == "redis://somewhere"
    assert [queue.name for queue in configuration["task_queues"]] == ["windsock.default", "windsock.mail"]


class Part:
    """A part of a worker."""

    def __init__(self, app: celery.Celery) -> None:
        self.app = app


def test_a_workers_child_keeps_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    values: dict[str, Any] = dict(connections.settings["default"])
    monkeypatch.setattr(connections, "settings", {"default": values, "other": {}})

    signals.worker_init.send(sender=Part(celery.Celery(set_as_current=False)))
    signals.worker_process_init.send(sender=None)
    assert "CONN_HEALTH_CHECKS" not in connections.settings["other"]

    signals.worker_init.send(sender=Part(app))
    signals.worker_process_init.send(sender=None)
    signals.worker_process_init.disconnect(_keep_connections)
    signals.worker_process_init.disconnect(_be_expendable)
    assert not heartbeat.expendable  # here it is the worker's own process
    assert (values["CONN_MAX_AGE"], values["CONN_HEALTH_CHECKS"]) == (600, False)
    assert connections.settings["other"]["CONN_HEALTH_CHECKS"]


def test_only_our_worker_says_that_it_is_ready(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    ready = tmp_path / "ready"
    monkeypatch.setenv("WINDSOCK_READY_FILE", str(ready))

    signals.worker_ready.send(sender=Part(celery.Celery(set_as_current=False)))
    assert not ready.exists()
    signals.worker_ready.send(sender=Part(app))
    assert ready.exists()
