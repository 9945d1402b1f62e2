"""What leaves a step's group does not leave the step."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.core.warm.conftest import Shop, ended

from windsock.testing.suite import is_running, wait_until
from windsock.warm import offspring

LEAVE = pytest.mark.parametrize("leave", ["leave_session", "leave_daemon"])
AssertGone = Callable[..., None]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the process group is ended")


@LEAVE
def test_it_ends_with_the_step(shop: Shop, assert_gone: AssertGone, leave: str) -> None:
    shop.call(leave, "left")
    assert_gone(shop.pid("left"))


@LEAVE
def test_it_ends_with_a_step_that_is_killed(shop: Shop, assert_gone: AssertGone, leave: str) -> None:
    session = shop.begin("hang_with", leave, "left")
    left = shop.pid("left")
    session.signal(9)
    assert ended(session) == -9
    assert_gone(left)
    session.close()


@LEAVE
def test_it_ends_when_the_caller_goes_away(shop: Shop, assert_gone: AssertGone, leave: str) -> None:
    session = shop.begin("hang_with", leave, "left")
    left = shop.pid("left")
    session.close()
    assert_gone(left, session.pid)


def test_what_another_step_has_left_its_group_with_goes_on(shop: Shop) -> None:
    sessions = [shop.begin("hang_with", leave, leave) for leave in ("leave_session", "leave_daemon")]
    others = [shop.pid("leave_session"), shop.pid("leave_daemon")]
    shop.call("leave_daemon", "left")
    wait_until(lambda: not is_running(shop.pid("left")))
    assert all(map(is_running, others))
    for session in sessions:
        session.close()
    wait_until(lambda: not any(map(is_running, others)))


def test_what_the_set_up_began_is_spared(shop: Shop) -> None:
    with (shop.folder / "shop.py").open("a") as source:
        source.write("\nleave_session('helper')\n")
    shop.call("leave_session", "left")
    wait_until(lambda: not is_running(shop.pid("left")))
    assert is_running(shop.pid("helper"))


CHILDREN = """
import os, sys
from windsock.warm import offspring
if sys.argv[1] == "scan":
    read = offspring._read
    offspring._read = lambda path: read(path.replace("/children", "/nothing"))
reader, writer = os.pipe()
pids = [os.fork() or os.read(reader, 1) and os._exit(0) for _ in range(3)]
assert sorted(offspring.children()) == sorted(pids), (offspring.children(), pids)
offspring.end_all()
assert offspring.children() == []
"""


@pytest.mark.parametrize("way", ["kernel", "scan"])
def test_children_are_found_and_ended(way: str) -> None:
    source = Path(offspring.__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", CHILDREN, way],
        check=True,
        timeout=20,
        env=os.environ | {"PYTHONPATH": str(source)},
    )
