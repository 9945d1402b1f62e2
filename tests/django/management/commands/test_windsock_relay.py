import time

import psutil
import pytest
from tests.django.conftest import Broker, Start

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_relay_idles_at_almost_no_cost_and_ends_at_once(broker: Broker, start: Start) -> None:
    relay = start(broker, "django", "windsock_relay")
    process = psutil.Process(relay.pid)
    process.cpu_percent()
    busy = process.cpu_percent(interval=2)

    began = time.monotonic()
    relay.terminate()
    relay.wait(5)

    assert busy < 10
    assert time.monotonic() - began < 1
    assert relay.returncode == 0
