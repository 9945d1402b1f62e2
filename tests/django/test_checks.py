from types import SimpleNamespace

import pytest
from django.db import connections
from django.test import override_settings

from windsock.django import checks


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
