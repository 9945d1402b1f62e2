"""Whichever is killed, the warm process or its guard, nothing of it is left."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.core.warm.conftest import Shop

from windsock.testing.suite import is_running, wait_until
from windsock.warm import place

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is a guard on Linux only")


def owner(shop: Shop) -> int:
    return place.owner(shop.process.path) or 0


def guard(shop: Shop) -> int:
    status = Path(f"/proc/{owner(shop)}/status").read_text()
    return int(status.partition("PPid:")[2].split()[0])


@pytest.mark.parametrize("kill", [owner, guard])
@pytest.mark.parametrize("leave", ["leave_session", "leave_daemon"])
def test_nothing_is_left(shop: Shop, kill: Callable[[Shop], int], leave: str) -> None:
    session = shop.begin("hang_with", leave, "left")
    family = [shop.pid("left"), session.pid, owner(shop), guard(shop)]
    assert all(map(is_running, family))
    os.kill(kill(shop), signal.SIGKILL)
    wait_until(lambda: not any(map(is_running, family)))
    session.close()
    assert shop.call("edition") == "first"


def test_how_the_warm_process_was_killed_stands_in_its_log(shop: Shop) -> None:
    shop.call("edition")
    killed = owner(shop)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: f"[{killed}]: killed by SIGKILL" in shop.process.log.read_text())


def test_a_hangup_is_not_for_the_guard(shop: Shop) -> None:
    session = shop.begin("hang_with", "leave_session", "left")
    shop.pid("left")
    above = guard(shop)
    os.kill(above, signal.SIGHUP)
    shop.call("edition")
    assert (guard(shop), is_running(session.pid)) == (above, True)
    session.close()


def test_it_goes_with_the_warm_process(shop: Shop) -> None:
    shop.call("edition")
    family = [owner(shop), guard(shop)]
    os.kill(family[0], signal.SIGTERM)
    wait_until(lambda: not any(map(is_running, family)))


def test_it_holds_neither_the_socket_nor_the_lock(shop: Shop) -> None:
    shop.call("edition")
    links = [os.readlink(link) for link in Path(f"/proc/{guard(shop)}/fd").iterdir()]
    assert not [link for link in links if "socket" in link or ".lock" in link]
