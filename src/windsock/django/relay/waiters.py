"""The relay's duty for what Airflow started: to cancel what nobody waits for any more."""

from datetime import timedelta

from django.utils import timezone

from windsock.django.actions import waiters
from windsock.django.relay.duty import POLL


def give_up() -> timedelta | None:
    """Cancel every record whose waiter ran into its time limit.

    Returns:
        When to look again, if that is sooner than usual.
    """
    if waiters.cancel_expired() == waiters.BATCH:
        return timedelta(0)
    next_at = waiters.next_expiry()
    return None if next_at is None else min(POLL, max(timedelta(seconds=0.1), next_at - timezone.now()))
