"""Run one call: ``python -m windsock --outcome FILE [--setup module:function]``.

Standard input carries ``{"protocol": 1, "call": {...}}``; FILE gets ``{"protocol": 1, "outcome": {...}}``.
Standard output and error belong to the function.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from windsock.call import Call, Outcome, describe, execute, import_function
from windsock.warm.process import die_with
from windsock.wire import PROTOCOL, canonical, check_protocol, from_json, to_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the call, run it, write the outcome."""
    options = _parser().parse_args(arguments)
    if options.parent:
        die_with(options.parent)
    message = json.load(sys.stdin.buffer)
    _close_input()
    check_protocol(message)
    outcome = _run(from_json(Call, message.get("call")), options.setup)
    options.outcome.write_bytes(canonical({"protocol": PROTOCOL, "outcome": to_json(outcome)}))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m windsock", description=__doc__)
    parser.add_argument("--outcome", type=Path, required=True, help="file that gets the outcome")
    parser.add_argument("--setup", default="", help="module:function that sets the project up")
    parser.add_argument("--parent", type=int, default=0, help="end when this parent process ends")
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


def _close_input() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main())
