import pytest
from django.test import override_settings

from windsock.django.conf import settings


def test_the_attributes_are_the_defaults() -> None:
    with override_settings(WINDSOCK={}):
        assert settings.QUEUE == "windsock"


def test_the_projects_settings_win_over_the_defaults() -> None:
    with override_settings(WINDSOCK={"QUEUE": "shop"}):
        assert settings.QUEUE == "shop"


def test_the_environment_wins_over_the_projects_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDSOCK_QUEUE", "nightly")

    with override_settings(WINDSOCK={"QUEUE": "shop"}):
        assert settings.QUEUE == "nightly"


def test_an_unknown_setting_is_an_error() -> None:
    with pytest.raises(AttributeError):
        _ = settings.QUEU
