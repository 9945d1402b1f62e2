"""The tools that keep environments: where they are, and how they are run."""

import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from windsock.environment.variables import child_variables
from windsock.errors import EnvironmentNotFound

#: How much of a tool's output is shown when it failed, characters.
TAIL = 2000
#: How long an interrupted tool may take to end, seconds.
_GRACE = 3.0
#: Where installers put tools, besides the folders of PATH, which a service's is seldom.
_FOLDERS = ("~/.local/bin", "~/.cargo/bin", "/usr/local/bin", "/opt/homebrew/bin")

_log = logging.getLogger(__name__)


def find(name: str, *folders: str) -> str | None:
    """Return the path of a tool, on PATH, beside this interpreter or where its installer puts it."""
    beside = os.fspath(Path(sys.executable).parent)
    places = [os.environ.get("PATH", os.defpath), beside, *folders, *_FOLDERS]
    return shutil.which(name, path=os.pathsep.join(os.path.expanduser(place) for place in places))


def run(command: Sequence[str | Path], directory: Path, *, holding: int | None = None) -> None:
    """Run a tool to its end.

    Args:
        command: the program and its arguments.
        directory: working directory.
        holding: descriptor of a lock, which is held until the tool has ended even if this process is killed.

    Raises:
        EnvironmentNotFound: it failed; the message ends with what it printed last.
    """
    shown = shlex.join(map(str, command))
    _log.info("%s: %s", directory, shown)
    begun = time.monotonic()
    status, output, errors = ask(command, directory, holding=holding)
    if status:
        raise EnvironmentNotFound(
            f"`{shown}` failed in {directory} with exit status {status}:\n{tail(output + errors)}"
        )
    _log.info("%s: done after %.1f s", directory, time.monotonic() - begun)


def ask(
    command: Sequence[str | Path], directory: Path, *, holding: int | None = None
) -> tuple[int, str, str]:
    """Run a tool and return its exit status, standard output and standard error.

    Raises:
        EnvironmentNotFound: it cannot be started.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - the command is the deployment's own
            list(map(str, command)),
            cwd=directory,
            env=_variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[] if holding is None else [holding],
            process_group=0,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise EnvironmentNotFound(f"{command[0]} cannot be started: {error}") from error
    with process:
        try:
            output, errors = process.communicate()
        except BaseException:
            _end(process)
            raise
    return process.returncode, output, errors


def _end(process: "subprocess.Popen[str]") -> None:
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tail(text: str) -> str:
    """Return the last part of a tool's output."""
    text = text.strip()
    return text if len(text) <= TAIL else f"... {text[-TAIL:]}"


def _variables() -> dict[str, str]:
    """This process's variables, without what would point a tool at this process's own environment."""
    return {name: value for name, value in child_variables().items() if name != "PYTHONPATH"}
