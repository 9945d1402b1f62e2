import subprocess
import sys

import pytest

from windsock.local import linux

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own features")

ADOPTS = """
import os, time
from windsock.local import linux
assert linux.become_subreaper()
if os.fork() == 0:
    middle = os.getpid()
    if os.fork() == 0:
        while os.getppid() == middle:
            time.sleep(0.01)
    os._exit(0)
print(len([os.wait() for _ in range(2)]))
"""


def test_a_subreaper_gets_its_grandchildren() -> None:
    finished = subprocess.run([sys.executable, "-c", ADOPTS], capture_output=True, text=True, timeout=20)
    assert finished.stdout.strip() == "2", finished.stderr


def test_other_systems_are_told_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not linux.become_subreaper()
    assert not linux.signal_when_parent_dies(15)
