"""``manage.py windsock_bootstrap``: what a new database needs before the web process starts."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from windsock.django import sources
from windsock.django.actions import tokens
from windsock.django.conf import settings

TOKEN_NAME = "windsock up"  # noqa: S105


class Command(BaseCommand):
    """Migrates, makes the superuser and a token, loads example data, publishes; safe to repeat."""

    help = (
        "Migrates, makes the superuser of DJANGO_SUPERUSER_USERNAME, _EMAIL and _PASSWORD, an API token, "
        "loads WINDSOCK['EXAMPLE_DATA'] into empty tables and publishes all workflows. "
        "The last line is one JSON object."
    )

    def handle(self, *, verbosity: int, **_: Any) -> None:
        """Run every part, then print the result."""
        call_command("migrate", interactive=False, verbosity=verbosity, stdout=self.stdout)
        user = superuser()
        for fixture in empty_fixtures():
            call_command("loaddata", str(fixture), verbosity=verbosity, stdout=self.stdout)
        summary = sources.publish_all()
        for row, problem in summary.refused:
            self.stderr.write(f"{row}: {problem}")
        result = {"username": user.get_username(), "token": token(user), "published": summary.versions}
        self.stdout.write(json.dumps(result))


def superuser() -> Any:
    """Return the superuser that the environment names, made if missing; else the first there is.

    Raises:
        CommandError: nobody is named and there is none.
    """
    model = get_user_model()
    named = os.environ.get(f"DJANGO_SUPERUSER_{model.USERNAME_FIELD.upper()}")
    if not named:
        first = model._default_manager.filter(is_superuser=True, is_active=True).order_by("pk").first()
        if first is None:
            raise CommandError("Set DJANGO_SUPERUSER_USERNAME, DJANGO_SUPERUSER_EMAIL and _PASSWORD.")
        return first
    found = model._default_manager.filter(**{model.USERNAME_FIELD: named})
    if not found.exists():
        call_command("createsuperuser", interactive=False, verbosity=0)
    return found.get()


def token(user: Any) -> str:
    """Return the token of ``WINDSOCK_API_TOKEN`` while it is valid for ``user``, else a fresh one."""
    given = str(settings.API_TOKEN)
    row = tokens.find(given) if given else None
    return given if row is not None and row.user == user else tokens.issue(user, name=TOKEN_NAME)


def empty_fixtures() -> Iterator[Path]:
    """Yield the example data whose tables hold no row yet.

    Raises:
        CommandError: a fixture is named that no app and no folder of FIXTURE_DIRS has.
    """
    named = settings.EXAMPLE_DATA
    for name in named.split(",") if isinstance(named, str) else named:
        fixture = fixture_called(name)
        models = {entry["model"] for entry in json.loads(fixture.read_text())}
        if not any(apps.get_model(model)._base_manager.exists() for model in models):
            yield fixture


def fixture_called(name: str) -> Path:
    """Return the JSON fixture ``name`` of an app or of FIXTURE_DIRS.

    Raises:
        CommandError: there is none.
    """
    folders = [Path(config.path) / "fixtures" for config in apps.get_app_configs()]
    folders += [Path(folder) for folder in django_settings.FIXTURE_DIRS]
    for folder in folders:
        fixture = folder / f"{name}.json"
        if fixture.is_file():
            return fixture
    raise CommandError(f"There is no fixture {name}.json, which WINDSOCK['EXAMPLE_DATA'] names.")
