import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.local.conftest import running, until

from windsock.local import status
from windsock.local.state import State
from windsock.local.status import Phase

FAILING = """
import sys
from pathlib import Path
from windsock.local import readiness
from windsock.local.errors import LocalError
from windsock.local.parts import Part, Plan, Step
from windsock.local.process import Command
from windsock.local.state import State
from windsock.local.status import Status
from windsock.local.supervisor import Patience, Supervisor

folder, kind = Path(sys.argv[1]), sys.argv[2]
state = State(folder / "state")
state.prepare()

def fail():
    raise LocalError("no disk")

def part(name, code, after=()):
    command = Command(argv=(sys.executable, "-c", code, str(folder)))
    return Part(name=name, command=lambda: command, ready=readiness.when(lambda: True), after=after)

steps = (Step(name="cluster", run=fail, after=("web",)),) if kind == "step" else ()
parts = (part("web", "import time; time.sleep(60)"),)
if kind == "part":
    parts += (part("relay", "raise SystemExit('no broker')", ("web", "not in this plan")),)
plan = Plan(steps=steps, parts=parts, external=("valkey",))
patience = Patience(back_off=(0.01,), grace=1)
sys.exit(Supervisor(plan, state, Status(), lambda now: None, patience).run())
"""


def supervise(folder: Path, kind: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", FAILING, str(folder), kind])


def test_a_part_that_never_stays_takes_everything_down(tmp_path: Path) -> None:
    assert supervise(tmp_path, "part").wait(timeout=20) == 1
    assert running(str(tmp_path)) == []
    found = status.read(State(tmp_path / "state"))
    assert found.state is Phase.FAILED
    assert "relay ended again and again" in str(found.message)
    assert "no broker" in str(found.message)


def test_a_step_that_fails_takes_everything_down(tmp_path: Path) -> None:
    assert supervise(tmp_path, "step").wait(timeout=20) == 1
    assert running(str(tmp_path)) == []
    assert status.read(State(tmp_path / "state")).message == "cluster: no disk"


def test_a_killed_part_comes_back_and_what_is_external_is_shown(tmp_path: Path) -> None:
    supervisor = supervise(tmp_path, "none")
    state = State(tmp_path / "state")

    def web() -> dict[str, object]:
        parts = state.read(status.FILE).get("parts", {})
        return parts.get("web", {}) if isinstance(parts, dict) else {}

    until(lambda: web().get("state") == "ready")
    first = web()["pid"]
    assert isinstance(first, int)
    os.kill(first, signal.SIGKILL)
    until(lambda: web().get("state") == "ready" and web()["pid"] != first)
    assert json.loads((state.folder / status.FILE).read_text())["parts"]["valkey"]["state"] == "external"
    supervisor.terminate()
    assert supervisor.wait(timeout=10) == 0
    assert running(str(tmp_path)) == []
