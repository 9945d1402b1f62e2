"""``manage.py prune``."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from windsock.django.retention import BATCH, prune


class Command(BaseCommand):
    """Deletes what was kept long enough; the relay does the same by itself, now and then."""

    help = "Deletes finished records, expired results, old idempotency keys and expired API tokens."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what is old, and how much at a time."""
        parser.add_argument(
            "--days",
            type=float,
            help="delete records that were finished so many days ago; RETENTION_DAYS, where 0 is for ever",
        )
        parser.add_argument("--batch", type=int, default=BATCH, help=f"rows of one transaction ({BATCH})")
        parser.add_argument("--dry-run", action="store_true", help="count, and delete nothing")

    def handle(self, *, days: float | None, batch: int, dry_run: bool, **_: Any) -> None:
        """Print one line for each kind of row."""
        if batch < 1 or (days is not None and days <= 0):
            raise CommandError("--days and --batch take numbers above 0.")
        keep = None if days is None else timedelta(days=days)
        would = "would be " if dry_run else ""
        for kind, number in prune(keep=keep, batch=batch, dry_run=dry_run).items():
            self.stdout.write(f"{number} {kind} {would}deleted")
