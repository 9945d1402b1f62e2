import signal

import psutil
import pytest
from tests.django.conftest import Broker, Start

from windsock.django.relay.duty import POLL
from windsock.django.relay.loop import Relay

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_relay_idles_at_almost_no_cost_and_ends_at_once(broker: Broker, start: Start) -> None:
    relay = start(broker, "django", "windsock_relay")
    process = psutil.Process(relay.pid)
    process.cpu_percent()
    busy = process.cpu_percent(interval=2)

    relay.terminate()
    # It does not wait for its next rounds.
    relay.wait(POLL.total_seconds() - 1)

    assert busy < 10
    assert relay.returncode == 0


def test_a_signal_just_before_a_wait_ends_it_too() -> None:
    relay = Relay(())
    before = signal.set_wakeup_fd(relay.waker)
    try:
        # What the interpreter does when a signal comes, before any handler of Python runs.
        handler = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.raise_signal(signal.SIGCHLD)
        signal.signal(signal.SIGCHLD, handler)
        assert not relay._wait(None)
    finally:
        signal.set_wakeup_fd(before)
