"""The command line of the warm process."""

import subprocess
import sys
from pathlib import Path

from windsock.call import Call
from windsock.testing.suite import is_running, wait_until
from windsock.transport import Warm
from windsock.warm import WarmProcess, place


def command(process: WarmProcess, *options: str) -> list[str]:
    arguments = [
        sys.executable,
        "-m",
        "windsock.warm",
        "--socket",
        str(process.path),
        "--setup",
        process.setup,
    ]
    return [*arguments, *options]


def test_in_the_foreground_it_serves_until_it_is_told_to_end(warm_process: WarmProcess) -> None:
    server = subprocess.Popen(command(warm_process), env=warm_process.environment)
    wait_until(warm_process.path.exists)
    assert Warm(process=warm_process).send(Call(function="windsock.testing.samples.echo")).succeeded
    assert place.owner(warm_process.path) == server.pid
    server.terminate()
    assert server.wait(10) == 0


def test_detached_it_listens_when_the_command_is_back(warm_process: WarmProcess, warm_home: Path) -> None:
    log = warm_home / "own.log"
    options = ("--detach", "--log", str(log), "--idle", "0.3")
    done = subprocess.run(
        command(warm_process, *options), env=warm_process.environment, timeout=20, check=False
    )
    assert done.returncode == 0
    assert warm_process.path.is_socket()
    assert log.stat().st_mode & 0o777 == 0o600 if log.exists() else True
    wait_until(lambda: not is_running(place.owner(warm_process.path) or 0))


def test_a_set_up_is_needed(warm_process: WarmProcess) -> None:
    wrong = [sys.executable, "-m", "windsock.warm", "--socket", str(warm_process.path)]
    done = subprocess.run(wrong, env=warm_process.environment, capture_output=True, timeout=20, check=False)
    assert done.returncode == 2
    assert b"--setup" in done.stderr
