"""``manage.py workflows``."""

from windsock.django.management import workflow_deeds, workflow_lists
from windsock.django.management.subcommands import Subcommands


class Command(Subcommands):
    """Everything that is done to workflows."""

    help = "Publishes, lists, shows, runs, pauses, backfills, rolls back and deletes workflows."
    subcommands = (*workflow_lists.SUBCOMMANDS, *workflow_deeds.SUBCOMMANDS)
