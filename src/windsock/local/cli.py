"""The command line `windsock`."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from windsock.errors import WindsockError
from windsock.local import addresses, commands, detached, guard, project, status, up
from windsock.local.console import Screen
from windsock.local.project import Project
from windsock.local.state import State

# Seconds for a supervisor that is just stopping to let go of the state folder.
_HOLD_PATIENCE = 25.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # The words after `manage` are the project's, `--help` among them.
    own, rest = (given[:1], given[1:]) if given[:1] == ["manage"] else (given, [])
    options = _parser().parse_args(own)
    try:
        found = project.find(Path.cwd(), os.environ)
        return _dispatch(options, found, State(found.state), rest)
    except WindsockError as error:
        sys.stderr.write(f"windsock: {error}\n")
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        return 130


def _dispatch(options: argparse.Namespace, found: Project, state: State, rest: list[str]) -> int:
    match options.command:
        case "up":
            return start(found, state, detach=options.detach)
        case "status":
            return commands.show_status(state, as_json=options.json)
        case "logs":
            return commands.show_logs(state, options.part, follow=options.follow)
        case "down":
            return commands.down(state)
        case "reset":
            return commands.reset(state, sure=options.yes)
        case "token":
            return commands.token(found, state)
        case _:
            return commands.manage(found, state, rest)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="windsock", description="Runs a Django project with Celery and Airflow on this machine."
    )
    several = parser.add_subparsers(dest="command", required=True)
    each = several.add_parser("up", help="start everything, show the first run, then the logs")
    each.add_argument("--detach", action="store_true", help="go on in the background once it is ready")
    each = several.add_parser("status", help="what runs")
    each.add_argument("--json", action="store_true", help="one JSON object, for scripts")
    each = several.add_parser("logs", help="the logs of all parts, or of one")
    each.add_argument("part", nargs="?", choices=status.PARTS, metavar="PART", help=", ".join(status.PARTS))
    each.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    several.add_parser("down", help="stop everything")
    each = several.add_parser("reset", help="stop everything and forget all data")
    each.add_argument("--yes", action="store_true", help="do not ask")
    several.add_parser("token", help="print a fresh API token of the superuser")
    several.add_parser("manage", help="the project's manage.py against the running stack")
    return parser


def start(found: Project, state: State, *, detach: bool) -> int:
    """`windsock up`: starts the stack, unless it runs already."""
    state.prepare()
    screen = Screen()
    if not _hold(state):
        url = addresses.known(state)
        screen.say(f"Windsock runs already: {url.web_url} and {url.airflow_url} (Airflow).")
        return 0
    if detach:
        return detached.start(found, state, screen)
    view = up.Onlooker(found, state, screen, follow=True)
    return guard.guarded(lambda processes: up.supervise(found, state, screen, view, processes), state)


def _hold(state: State) -> bool:
    """Whether the state folder is ours now; waits for a supervisor that is stopping."""
    deadline = time.monotonic() + _HOLD_PATIENCE
    while state.hold() is None:
        now = status.read(state)
        if now.running and now.state is not status.Phase.STOPPED:
            return False
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


if __name__ == "__main__":
    sys.exit(main())
