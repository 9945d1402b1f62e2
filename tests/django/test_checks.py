from types import SimpleNamespace

import pytest
from django.core.checks.registry import registry
from django.db import connections
from django.test import override_settings
from tests.django import jobs

from windsock.django import checks, tasks


def test_another_database_than_postgresql_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_database_kind() == []

    monkeypatch.setitem(connections.settings["default"], "ENGINE", "django.db.backends.sqlite3")
    assert [found.id for found in checks.check_database_kind()] == ["windsock.E001"]


@pytest.mark.django_db
def test_an_old_postgresql_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_database_version(databases=["default"]) == []

    old = SimpleNamespace(info=SimpleNamespace(server_version=150004))
    monkeypatch.setattr(connections["default"], "connection", old)
    found = checks.check_database_version(databases=["default"])
    monkeypatch.undo()
    assert [each.id for each in found] == ["windsock.E002"]


def test_the_database_is_not_asked_unless_it_is_named() -> None:
    assert checks.check_database_version(databases=None) == []


def test_celery_without_a_broker_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)

    assert [found.id for found in checks.check_broker()] == ["windsock.E003"]


def test_the_settings_may_name_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    with override_settings(CELERY_BROKER_URL="redis://localhost"):
        assert checks.check_broker() == []


def test_no_broker_is_needed_without_celery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    with override_settings(TASKS={"default": {"BACKEND": "windsock.django.testing.DummyBackend"}}):
        assert checks.check_broker() == []


def test_the_middleware_has_to_be_there_and_outermost() -> None:
    assert checks.check_middleware() == []
    for others in ([], ["shop.First", checks.MIDDLEWARE]):
        with override_settings(MIDDLEWARE=others):
            [found] = checks.check_middleware()
        assert found.id == "windsock.W001"
        assert checks.MIDDLEWARE in str(found.hint)


def test_streams_need_asgi() -> None:
    with override_settings(ASGI_APPLICATION="windsock.django.asgi.application"):
        assert checks.check_asgi() == []
    with override_settings(ASGI_APPLICATION=None):
        [found] = checks.check_asgi()
    assert found.id == "windsock.W002"
    assert "ASGI_APPLICATION" in str(found.hint)


@pytest.mark.parametrize("pool", ["threads", "gevent", "eventlet", "celery.concurrency.eventlet:TaskPool"])
def test_a_pool_of_threads_cannot_end_a_task(pool: str) -> None:
    assert checks.check_pool() == []
    with override_settings(CELERY_WORKER_POOL=pool):
        found = checks.check_pool()
    assert [each.id for each in found] == ["windsock.W003"]
    assert "windsock_worker" in str(found[0].hint)


@pytest.mark.parametrize("pool", ["prefork", "solo", "celery.concurrency.prefork:TaskPool"])
def test_other_pools_can(pool: str) -> None:
    with override_settings(CELERY_WORKER_POOL=pool):
        assert checks.check_pool() == []


def test_a_queue_that_no_worker_reads_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_queues() == []
    backend = {"BACKEND": "windsock.django.celery.CeleryBackend", "QUEUES": []}
    with override_settings(TASKS={"default": backend}):
        stray = jobs.add.using(queue_name="mail")
        monkeypatch.setitem(tasks._registry, jobs.add.module_path, stray)
        [found] = checks.check_queues()
        assert (found.id, "'mail'" in found.msg) == ("windsock.W004", True)
        assert "QUEUES" in str(found.hint)
    with override_settings(TASKS={"default": backend, "other": backend | {"QUEUES": ["mail"]}}):
        assert checks.check_queues() == []


def test_every_check_is_registered() -> None:
    own = {value for name, value in vars(checks).items() if name.startswith("check_")}
    assert own <= registry.registered_checks | registry.deployment_checks
