"""``manage.py workflows publish`` and ``manage.py workflows list``."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Max

from windsock.django import sources
from windsock.django.models import Workflow


class Command(BaseCommand):
    """Publish the rows of workflow sources, or list the workflows."""

    help = "Publish the rows of workflow sources, or list the workflows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the subcommand and its options."""
        subcommands = parser.add_subparsers(dest="subcommand", required=True)
        publish = subcommands.add_parser("publish", help="publish all rows; needed after bulk changes")
        publish.add_argument("source", nargs="*", help="name of a source; by default all")
        subcommands.add_parser("list", help="list the workflows in force")

    def handle(self, *_: Any, **options: Any) -> None:
        """Run the subcommand."""
        if options["subcommand"] == "publish":
            self._publish(options["source"])
        else:
            self._list()

    def _publish(self, names: list[str]) -> None:
        unknown = sorted(set(names) - set(sources.sources()))
        if unknown:
            known = ", ".join(sorted(sources.sources())) or "none"
            raise CommandError(f"There is no workflow source {unknown[0]!r}; known: {known}.")
        summary = sources.publish_all(names)
        for row, problem in summary.refused:
            self.stderr.write(f"{row}: {problem}")
        self.stdout.write(
            f"{summary.rows} rows: {summary.versions} versions written, {summary.retired} workflows retired, "
            f"{len(summary.refused)} rows refused"
        )
        if summary.refused:
            raise CommandError("Some rows were refused; all others are published.")

    def _list(self) -> None:
        workflows = Workflow.objects.filter(retired_at=None).annotate(newest=Max("versions__revision"))
        for workflow in workflows:
            live = "live" if workflow.newest and workflow.newest == workflow.live_revision else "not live"
            parts = (workflow.id, f"revision {workflow.newest or '-'}", live, workflow.problem)
            self.stdout.write("  ".join(part for part in parts if part))
