"""The child that waits for the next call: whom it serves, and what makes it go."""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.core.warm.conftest import Shop

from windsock.testing.suite import is_running, wait_until
from windsock.warm import WarmProcess, place, spare

AssertGone = Callable[..., None]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="children are found in /proc")


def children(process: WarmProcess) -> list[int]:
    owner = place.owner(process.path)
    return [int(pid) for pid in Path(f"/proc/{owner}/task/{owner}/children").read_text().split()]


def waiting(shop: Shop) -> int:
    """Make a call, and return the child that is there for the next one."""
    shop.call("edition")
    wait_until(lambda: len(children(shop.process)) == 1)
    return children(shop.process)[0]


def test_the_next_call_is_served_by_what_waits(shop: Shop) -> None:
    first = waiting(shop)
    session = shop.begin("wait_for", "go")
    assert session.pid == first
    assert children(shop.process) == [first], "another one is forked when nobody waits for it"
    (shop.folder / "go").touch()
    session.close()
    wait_until(lambda: not is_running(first))


def test_two_calls_at_once_have_a_child_each(shop: Shop) -> None:
    first = waiting(shop)
    sessions = [shop.begin("wait_for", "go") for _ in range(2)]
    assert sessions[0].pid == first != sessions[1].pid
    for session in sessions:
        session.close()


def test_one_that_was_killed_is_not_given_away(shop: Shop) -> None:
    first = waiting(shop)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not is_running(first))
    assert shop.call("edition") == "first"


def test_an_edited_project_never_meets_one_of_before(shop: Shop, assert_gone: AssertGone) -> None:
    first = waiting(shop)
    shop.edit("another one")
    assert shop.call("edition") == "another one"
    assert_gone(first)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_it_goes_with_the_process(shop: Shop, assert_gone: AssertGone, number: int) -> None:
    first = waiting(shop)
    owner = place.owner(shop.process.path)
    os.kill(owner or 0, number)
    assert_gone(first, owner)


def test_it_goes_with_a_process_that_is_killed(shop: Shop, assert_gone: AssertGone) -> None:
    first = waiting(shop)
    os.kill(place.owner(shop.process.path) or 0, signal.SIGKILL)
    assert_gone(first)


def test_it_does_not_keep_the_process_from_being_idle(shop: Shop, assert_gone: AssertGone) -> None:
    shop.process = replace(shop.process, idle=0.3)
    first = waiting(shop)
    assert_gone(first, place.owner(shop.process.path))


@pytest.mark.full
def test_it_goes_when_nobody_calls_for_a_while(shop: Shop) -> None:
    first = waiting(shop)
    wait_until(lambda: not is_running(first), seconds=3 * spare.LIFE)
    assert is_running(place.owner(shop.process.path) or 0)
    assert shop.call("edition") == "first"
