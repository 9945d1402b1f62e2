"""``manage.py runs``."""

from windsock.django.management import run_commands
from windsock.django.management.subcommands import Subcommands


class Command(Subcommands):
    """Everything that is done to runs of workflows."""

    help = "Lists, shows, cancels, retries, clears and marks runs of workflows."
    subcommands = run_commands.SUBCOMMANDS
