import subprocess
import sys
from pathlib import Path

from tests.local.conftest import running, until
from tests.local.sleepers import STUBBORN

from windsock.local import ledger, stopping

LEFT = """
import os, subprocess, sys
from pathlib import Path
from windsock.local import ledger
from windsock.local.state import State
state = State(Path(sys.argv[1]) / "state")
state.prepare()
child = subprocess.Popen([sys.executable, "-c", sys.argv[2], sys.argv[1]], start_new_session=True)
while not (Path(sys.argv[1]) / "stubborn.ready").exists():
    pass
ledger.write(state, ledger.family([ledger.entry("stubborn", child.pid)]))
os._exit(0)
"""


def test_what_an_earlier_run_left_is_found_by_the_ledger_and_ended(tmp_path: Path) -> None:
    from windsock.local.state import State

    subprocess.run([sys.executable, "-c", LEFT, str(tmp_path), STUBBORN], check=True, timeout=20)
    until(lambda: len(running(str(tmp_path))) == 3)
    entries = ledger.read(State(tmp_path / "state"))
    assert len(entries) == 3
    assert stopping.leftovers(entries, grace=0.2) == 3
    assert running(str(tmp_path)) == []


def test_nothing_left_costs_nothing() -> None:
    assert stopping.leftovers([]) == 0


def test_waiting_for_the_gone_ends_at_once_or_in_time(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    entry = ledger.entry("web", process.pid)
    assert entry is not None
    assert not stopping.wait_gone([entry], 0.1)
    process.communicate(b"\n")
    assert stopping.wait_gone([entry], 5)
