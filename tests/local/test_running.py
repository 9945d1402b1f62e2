import sys
import time
from pathlib import Path

import pytest
from tests.local.conftest import until

from windsock.local import readiness
from windsock.local.errors import LocalError, PartFailed
from windsock.local.parts import Part, Step
from windsock.local.process import Command
from windsock.local.running import RunningPart, RunningStep
from windsock.local.state import State
from windsock.local.status import Phase


def part(code: str, mark: Path) -> Part:
    command = Command(argv=(sys.executable, "-c", code, str(mark)))
    return Part(name="web", command=lambda: command, ready=readiness.marked(mark))


def test_a_part_is_ready_when_its_probe_says_so(state: State, tmp_path: Path) -> None:
    code = "import sys, time; open(sys.argv[1], 'w').close(); time.sleep(60)"
    running = RunningPart(part(code, tmp_path / "mark"), state)
    assert not running.check()
    until(running.check)
    assert running.progress.state is Phase.READY
    assert running.entry is not None
    assert running.progress.pid == running.entry.pid
    stop(running)


def stop(running: RunningPart) -> None:
    running._process.kill()
    running._process.wait()


def test_a_part_that_ends_is_started_again(state: State, tmp_path: Path) -> None:
    code = (
        "import sys, os, time\n"
        "if not os.path.exists(sys.argv[1] + '.first'):\n"
        "    open(sys.argv[1] + '.first', 'w').close(); sys.exit(1)\n"
        "open(sys.argv[1], 'w').close(); time.sleep(60)\n"
    )
    running = RunningPart(part(code, tmp_path / "mark"), state, back_off=(0.01,))
    until(running.check)
    assert running.progress.state is Phase.READY
    stop(running)


def test_a_part_that_never_stays_fails_with_its_last_words(state: State, tmp_path: Path) -> None:
    running = RunningPart(
        part("raise SystemExit('no such table')", tmp_path / "mark"), state, back_off=(0.01, 0.01)
    )
    with pytest.raises(PartFailed, match=r"web ended again and again.*\nno such table"):
        until(running.check)


def test_a_step_ends_well(state: State) -> None:
    step = RunningStep(Step(name="databases", run=lambda: None))
    until(step.check)
    assert step.progress.state is Phase.READY
    assert step.progress.seconds is not None


def test_a_step_that_fails_names_itself() -> None:
    def fail() -> None:
        raise OSError("disk full")

    step = RunningStep(Step(name="cluster", run=fail))
    with pytest.raises(LocalError, match="cluster: disk full"):
        until(step.check)
    assert step.progress.state is Phase.FAILED


def test_a_step_at_work_says_since_when() -> None:
    step = RunningStep(Step(name="slow", run=lambda: time.sleep(0.2)))
    assert step.progress.state is Phase.STARTING
    assert step.progress.seconds is None
    until(step.check)
