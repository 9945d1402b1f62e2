"""`windsock up --detach`: the stack in the background, its start in the foreground."""

import os
import sys
import time

from rich.console import Console

from windsock.local import guard, status, up
from windsock.local.console import Screen
from windsock.local.project import Project
from windsock.local.state import State
from windsock.local.status import Phase, Status

LOG = "up"
_EVERY = 0.1


def start(found: Project, state: State, screen: Screen) -> int:
    """Forks the guard into the background, and shows the start until it is ready or has failed.

    Returns:
        0 when it is ready, 1 when it failed.
    """
    status.write(state, Status(state=Phase.STARTING))
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os._exit(_background(found, state))
    return _watch(found, state, screen, child)


def _background(found: Project, state: State) -> int:
    os.setsid()
    log = os.open(state.log(LOG), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    with open(1, "a", encoding="utf-8", closefd=False) as output:
        screen = Screen(Console(file=output, highlight=False, soft_wrap=True, no_color=True))

        def ignore(_: Status) -> None:
            """The foreground reads the status file."""

        return guard.guarded(lambda processes: up.supervise(found, state, screen, ignore, processes), state)


def _watch(found: Project, state: State, screen: Screen, child: int) -> int:
    view = up.Onlooker(found, state, screen, follow=False)
    try:
        while not view.shown:
            ended = os.waitpid(child, os.WNOHANG)[0] == child
            now = status.read(state)
            if ended or now.state is Phase.FAILED:
                if not ended:
                    os.waitpid(child, 0)
                screen.end_progress()
                screen.say(f"windsock up failed: {now.message or 'see ' + str(state.log(LOG))}", style="red")
                return 1
            # Before the supervisor has written its first status, there is nothing to show.
            if now.running:
                view(now)
            time.sleep(_EVERY)
    except KeyboardInterrupt:
        screen.end_progress()
        screen.say("It goes on in the background; `windsock down` stops it.")
        return 130
    return 0
