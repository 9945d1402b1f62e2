"""A backlog that grows while no worker is there."""

import time

import pytest
from tests.e2e.faults.conftest import RESEND_SECONDS, Tell
from tests.e2e.faults.processes import waited
from tests.e2e.faults.site import Site

LEVELS = 10  #: lists that Redis keeps for one queue


@pytest.mark.usefixtures("relay")
@pytest.mark.parametrize(
    ("count", "seconds"), [(1_000, 0), pytest.param(100_000, 300, marks=pytest.mark.full)]
)
def test_a_backlog_that_nobody_works_off_is_not_sent_again(
    site: Site, tell: Tell, count: int, seconds: float
) -> None:
    """Meanwhile the relay finds every record overdue, again and again."""
    looks, began = site.valkey.calls("llen"), time.monotonic()
    ids = site.enqueue("nothing", count)
    enqueued = time.monotonic() - began
    # The fault's own duration.
    time.sleep(seconds)
    overdue = site.overdue()
    waited(lambda: site.valkey.calls("llen") > looks)
    looks = (site.valkey.calls("llen") - looks) // LEVELS
    # Whoever sends again pushes one message at a time.
    messages, pushes = site.valkey.waiting(), site.valkey.calls("lpush")
    with site.worker():
        began = time.monotonic()
        waited(lambda: not site.valkey.waiting(), seconds=1_200)
        ends = site.ended(ids)
        drained = time.monotonic() - began
    pushes = site.valkey.calls("lpush") - pushes
    attempts = site.sql("SELECT max(attempt) FROM windsock_taskrun WHERE task = 'fault_tasks.nothing'")

    twice = messages + pushes - count
    tell(
        tasks=count,
        enqueued_in=enqueued,
        without_worker=seconds,
        resend=RESEND_SECONDS,
        overdue_then=overdue,
        looks_of_the_relay=looks,
        sent_twice_waiting=messages - count,
        sent_twice_draining=pushes,
        drained_in=drained,
        ends=ends,
    )
    assert twice < count / 100
    assert ends == {"DONE": count}
    assert attempts == [(1,)]
