"""The tables of a way that is a Django app."""

from django.core.management import call_command


def setup() -> None:
    call_command("migrate", verbosity=0, run_syncdb=True)
