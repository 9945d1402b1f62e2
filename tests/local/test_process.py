import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.local.conftest import running, until

from windsock.local import process
from windsock.local.errors import CommandError
from windsock.local.process import Command


def python(code: str, *words: str) -> Command:
    return Command(argv=(sys.executable, "-c", code, *words))


def test_a_child_leads_its_own_session(tmp_path: Path) -> None:
    text = process.run(python("import os; print(os.getpid() == os.getsid(0))"), tmp_path / "log")
    assert text == "True\n"


def test_a_failure_shows_the_last_lines(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="what went wrong"):
        process.run(python("print('what went wrong'); raise SystemExit(3)"), tmp_path / "log")


def test_output_is_appended_and_only_the_new_part_returned(tmp_path: Path) -> None:
    process.run(python("print('first')"), tmp_path / "log")
    assert process.run(python("print('second')"), tmp_path / "log") == "second\n"
    assert (tmp_path / "log").read_text() == "first\nsecond\n"


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot run /no/such/program"):
        process.run(Command(argv=("/no/such/program",)), tmp_path / "log")


def test_a_child_ends_with_its_killed_parent(tmp_path: Path) -> None:
    marker = f"{tmp_path}/child"
    parent_code = (
        "import subprocess, sys\n"
        "from windsock.local.process import Command, spawn\n"
        "argv = (sys.executable, '-c', 'import time; time.sleep(60)', sys.argv[1])\n"
        "spawn(Command(argv=argv), subprocess.DEVNULL).wait()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", parent_code, marker])
    until(lambda: len(running(marker)) == 2)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: not running(marker))


def test_orphans_are_collected_and_own_children_left_to_their_owner() -> None:
    mine = process.spawn(python("raise SystemExit(7)"), subprocess.DEVNULL)
    orphan = os.fork()
    if orphan == 0:
        os._exit(0)
    os.waitid(os.P_PID, mine.pid, os.WEXITED | os.WNOWAIT)
    process.reap()
    assert mine.wait() == 7
    with contextlib.suppress(ChildProcessError):  # the first round may have collected it already
        os.waitid(os.P_PID, orphan, os.WEXITED | os.WNOWAIT)
    process.reap()
    with pytest.raises(ChildProcessError):
        os.waitpid(orphan, os.WNOHANG)
