import pytest
from django.test import override_settings

from windsock.django.conf import is_on, settings


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


@pytest.mark.parametrize(("value", "says_yes"), [("1", True), ("True", True), ("0", False), ("", False)])
def test_the_environment_says_yes_and_no_in_words(
    monkeypatch: pytest.MonkeyPatch, value: str, says_yes: bool
) -> None:
    assert not is_on("OBSERVE_CELERY")
    monkeypatch.setenv("WINDSOCK_OBSERVE_CELERY", value)
    assert is_on("OBSERVE_CELERY") is says_yes
