"""The commands about a stack that runs already."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from windsock.local import addresses, ledger, logs, places, status, stopping, surroundings
from windsock.local.accounts import unprivileged
from windsock.local.console import Screen
from windsock.local.errors import LocalError, NotRunning
from windsock.local.project import Project
from windsock.local.state import State
from windsock.local.status import PARTS, Phase

# Seconds for an orderly stop, which itself takes less than ten.
_DOWN_PATIENCE = 25.0
# Made from the lock alone, so a reset keeps it.
_KEPT = ("airflow-env", "lock")


def show_status(state: State, *, as_json: bool) -> int:
    """`windsock status`: one object for scripts, or lines for people."""
    now = status.read(state)
    if as_json:
        sys.stdout.write(status.to_json(now, state) + "\n")
        return 0
    screen = Screen()
    screen.say(f"state: {now.state}")
    if now.state is Phase.FAILED and now.message:
        screen.say(now.message)
    if now.running:
        screen.say(f"web: {now.web_url}\nairflow: {now.airflow_url}")
        for name, each in now.parts.items():
            screen.say(f"{name:<22} {each.state:<9} {each.pid or ''}")
    return 0


def show_logs(state: State, part: str | None, *, follow: bool) -> int:
    """`windsock logs`: the last lines of the parts, or all of one, and then what comes."""
    screen = Screen()
    names = [part] if part else list(PARTS)
    follower = logs.Follower((state.log(name) for name in names), from_end=True)
    for name in names:
        if part:
            for line in logs.tail(state.log(name), 1000):
                sys.stdout.write(f"{line}\n")
        else:
            screen.log((name, line) for line in logs.tail(state.log(name), 20))
    sys.stdout.flush()
    while follow:
        if part:
            sys.stdout.writelines(f"{line}\n" for _, line in follower.lines())
            sys.stdout.flush()
        else:
            screen.log(follower.lines())
        time.sleep(0.2)
    return 0


def down(state: State) -> int:
    """`windsock down`: asks the guard to stop, and ends by the ledger what does not."""
    now = status.read(state)
    alive = [each for each in now.processes if each.alive()]
    recorded = ledger.read(state)
    if not alive and not recorded:
        sys.stdout.write("Nothing runs here.\n")
        return 0
    for each in alive[:1]:
        os.kill(each.pid, signal.SIGTERM)
    if not stopping.wait_gone([*alive, *recorded], _DOWN_PATIENCE if alive else 0):
        stopping.stop([*(each for each in alive if each.alive()), *ledger.read(state)])
    sys.stdout.write("Stopped.\n")
    return 0


def reset(state: State, *, sure: bool) -> int:
    """`windsock reset`: stops everything and forgets data, logs, passwords and tokens."""
    if not state.folder.exists():
        sys.stdout.write("Nothing to forget.\n")
        return 0
    if not sure:
        answer = input(f"Forget all data in {state.folder}? Type yes: ")
        if answer.strip().lower() != "yes":
            return 1
    down(state)
    if state.hold() is None:
        raise LocalError("it did not stop, so nothing was removed")
    for outside in _outside(state):
        shutil.rmtree(outside)
    for each in state.folder.iterdir():
        if each.name in _KEPT:
            continue
        shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    sys.stdout.write("Forgotten.\n")
    return 0


def _outside(state: State) -> list[Path]:
    """Folders that a run had to make elsewhere; only those that are ours."""
    try:
        chosen = addresses.known(state)
    except NotRunning:
        return []
    data, sockets = Path(chosen.database_folder).parent, Path(chosen.socket_folder)
    candidates = [each for each in (data, sockets) if each.name.startswith("windsock-") and each.exists()]
    mode = 0o711 if unprivileged() else 0o700
    return [places.own_folder(each, mode=mode) for each in candidates]


def _environment(found: Project, state: State) -> dict[str, str]:
    """The variables of the running project.

    Raises:
        NotRunning: It does not run.
    """
    if not status.read(state).running:
        raise NotRunning
    return surroundings.shared(found, state, addresses.known(state), os.environ)


def token(found: Project, state: State) -> int:
    """`windsock token`: a fresh API token of the superuser, and nothing else."""
    environment = _environment(found, state)
    username = status.read(state).username or "admin"
    argv = [str(found.python), "-m", "django", "windsock_token", "--username", username]
    return subprocess.run(argv, env=environment, cwd=found.directory).returncode  # noqa: S603


def manage(found: Project, state: State, words: list[str]) -> int:
    """`windsock manage ...`: the project's manage.py, with the running stack's variables."""
    environment = _environment(found, state)
    os.chdir(found.directory)
    python = str(found.python)
    os.execve(python, [python, "manage.py", *words], environment)  # noqa: S606
