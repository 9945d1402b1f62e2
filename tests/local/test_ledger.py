import os
import subprocess
import sys
from dataclasses import replace

import pytest

from windsock.local import ledger
from windsock.local.state import State


@pytest.fixture
def child() -> "subprocess.Popen[bytes]":
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    return process


def finish(process: "subprocess.Popen[bytes]") -> None:
    process.communicate(b"\n")


def test_a_running_process_is_found_again(child: "subprocess.Popen[bytes]", state: State) -> None:
    entry = ledger.entry("web", child.pid)
    assert entry is not None
    ledger.write(state, [entry])
    assert ledger.read(state) == [entry]
    finish(child)
    assert ledger.read(state) == []


def test_the_same_number_with_another_start_is_somebody_else(child: "subprocess.Popen[bytes]") -> None:
    entry = ledger.entry("web", child.pid)
    assert entry is not None
    assert entry.alive()
    assert not replace(entry, started="another boot:1").alive()
    finish(child)


def test_a_zombie_does_not_run(child: "subprocess.Popen[bytes]") -> None:
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert ledger.start_mark(child.pid) is None
    assert ledger.entry("web", child.pid) is None
    child.wait()


def test_a_spared_part_keeps_its_family(child: "subprocess.Popen[bytes]") -> None:
    entry = ledger.entry("postgres", child.pid)
    assert entry is not None
    assert child.pid in {each.pid for each in ledger.strays([])}
    assert child.pid not in {each.pid for each in ledger.strays([entry])}
    assert ledger.family([entry]) == [entry]
    finish(child)


def test_a_process_that_never_was_has_no_descendants() -> None:
    assert ledger.descendants(2**22 + 1) == []
