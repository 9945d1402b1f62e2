"""``manage.py windsock_token``."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from windsock.django.actions import tokens


class Command(BaseCommand):
    """Prints a fresh API token and nothing else."""

    help = "Prints a fresh API token of a user, by default of the first active superuser."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--username``."""
        parser.add_argument("--username", help="whose token; by default the first active superuser's")

    def handle(self, *, username: str | None, **_: Any) -> None:
        """Issue it."""
        model = get_user_model()
        users = model._default_manager.filter(is_active=True)
        if username is None:
            user = users.filter(is_superuser=True).order_by("pk").first()
        else:
            user = users.filter(**{model.USERNAME_FIELD: username}).first()
        if user is None:
            raise CommandError(
                f"There is no active {'superuser' if username is None else f'user {username!r}'}."
            )
        self.stdout.write(tokens.issue(user, name="windsock_token"))
