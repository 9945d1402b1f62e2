from django.apps import apps
from django.core.checks.registry import registry


def test_the_checks_are_registered_when_django_is_ready() -> None:
    assert apps.get_app_config("windsock").name == "windsock.django"
    assert any(check.__module__ == "windsock.django.checks" for check in registry.get_checks())
