"""Run one call: ``python -m windsock --outcome FILE [--setup module:function]``.

Standard input carries ``{"protocol": 1, "call": {...}}``; FILE gets ``{"protocol": 1, "outcome": {...}}``.
Standard output and error belong to the function.
"""

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from windsock.call import Call, Outcome, describe, execute, import_function
from windsock.errors import WireError
from windsock.wire import PROTOCOL, check_protocol, from_json, limited, to_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the call, run it, write the outcome; the status is not 0 if that cannot be written."""
    options = _parser().parse_args(arguments)
    message = json.load(sys.stdin.buffer)
    _close_input()
    _print_at_once()
    check_protocol(message)
    body = _body(_run(from_json(Call, message.get("call")), options.setup))
    try:
        options.outcome.write_bytes(body)
    except OSError as error:
        print(f"windsock: the outcome cannot be written: {error}", file=sys.stderr)
        return os.EX_IOERR
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m windsock", description=__doc__)
    parser.add_argument("--outcome", type=Path, required=True, help="file that gets the outcome")
    parser.add_argument("--setup", default="", help="module:function that sets the project up")
    return parser


def _run(call: Call, setup: str) -> Outcome:
    try:
        with _around(setup):
            return execute(call)
    except Exception as error:
        return Outcome(failure=describe(error))


def _around(setup: str) -> AbstractContextManager[object]:
    """Set the project up and return what it enters around a call, see ``windsock.warm``."""
    if not setup:
        return nullcontext()
    around = import_function(setup.replace(":", "."))()
    return nullcontext() if around is None else around()


def _body(outcome: Outcome) -> bytes:
    try:
        return limited({"protocol": PROTOCOL, "outcome": to_json(outcome)})
    except WireError as error:
        return _body(Outcome(failure=describe(error)))


def _print_at_once() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)


def _close_input() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main())
