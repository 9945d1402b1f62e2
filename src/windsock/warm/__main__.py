"""Run the warm process: ``python -m windsock.warm --socket PATH --setup module:function``."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from windsock.warm import place
from windsock.warm.door import Door
from windsock.warm.guard import stand_guard
from windsock.warm.origin import Origin, Variables
from windsock.warm.server import Server
from windsock.warm.watch import Watch


def main(arguments: Sequence[str] | None = None) -> int:
    """Become the owner of the socket and serve, or find that there is one and go."""
    options = _parser().parse_args(arguments)
    door = Door.open(options.socket)
    if door is None:
        return 0
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    if options.detach:
        _detach(options.log)
        stand_guard()
    place.note_owner(door.lock)
    origin = Origin(Watch(*options.watch), Variables.take())
    server = Server(door, origin, idle=options.idle)
    server.set_up(options.setup)
    server.run()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m windsock.warm", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="unix socket to listen on")
    parser.add_argument("--setup", required=True, help="module:function that sets the project up")
    parser.add_argument(
        "--watch",
        type=Path,
        action="append",
        default=[],
        help="file or project folder whose change makes it start anew, besides what the set-up loads",
    )
    parser.add_argument("--idle", type=float, default=600.0, help="end after so many seconds without a call")
    parser.add_argument("--detach", action="store_true", help="listen first, then serve in the background")
    parser.add_argument("--log", type=Path, default=os.devnull, help="output of the background process")
    return parser


def _detach(log: Path) -> None:
    """Go on in a session of its own; the process that was started ends now, with success."""
    if os.fork():
        os._exit(0)
    os.setsid()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
