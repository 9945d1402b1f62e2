"""Everything that the relay does."""

from windsock.django.relay import tasks
from windsock.django.relay.duty import POLL, SEND_TASKS, Duty


def all_duties() -> tuple[Duty, ...]:
    """Return the duties of a relay."""
    return (
        Duty(name=SEND_TASKS, every=POLL, run=tasks.send_due),
        Duty(name="tasks.lost", every=POLL, run=tasks.end_lost),
    )
