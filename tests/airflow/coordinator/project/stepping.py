"""A project as the coordinator sees it: a set-up, what runs a step, what notes a lost one. No Django."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from windsock.testing import samples
from windsock.warm.logs import channels

FOLDER = Path(os.environ["STEPPING_FOLDER"])


def setup() -> Callable[[], AbstractContextManager[None]]:
    if (FOLDER / "broken").exists():
        raise RuntimeError("the settings are broken")
    return held


@contextmanager
def held() -> Iterator[None]:
    """Do not end while somebody holds the process, and say so in the end."""
    is_held = (FOLDER / "hold").exists()
    yield
    if not is_held:
        return
    deadline = time.monotonic() + 10
    while (FOLDER / "hold").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    print("let go" if time.monotonic() < deadline else "never let go")


def run(**call: Any) -> Any:
    with (FOLDER / "calls").open("a") as calls:
        calls.write(json.dumps(call) + "\n")
    return globals()[call["step"]]()


def lost(**call: Any) -> None:
    (FOLDER / "lost").write_text(json.dumps(call))


def value() -> Any:
    print("printed by the step", flush=True)
    print("complained by the step", file=sys.stderr, flush=True)
    logging.getLogger("shop.tasks").warning("logged by the step")
    return {
        "parent": os.getppid(),
        "airflow": "airflow" in sys.modules,
        "names": sorted(name for name in os.environ if "AIRFLOW" in name),
        "settings": os.environ.get("DJANGO_SETTINGS_MODULE"),
        "directory": os.getcwd(),
    }


def nothing() -> None:
    pass


def numbers() -> list[int]:
    return [1, 2, 3]


def boom() -> None:
    try:
        samples.boom("the deeper reason")
    except ValueError as error:
        raise LookupError("no such shop: 7") from error


def give_up() -> None:
    samples.fail_for_good()


def skip() -> None:
    samples.skip()


def kill_self() -> None:
    samples.kill_self()


def hang() -> None:
    samples.hang(str(FOLDER / "pids"))


def hang_limited() -> None:
    samples.hang(str(FOLDER / "pids"))


def hang_deaf() -> None:
    samples.hang(str(FOLDER / "pids"), deaf=True)


def talk() -> None:
    log = logging.getLogger("shop.tasks.deep")
    log.setLevel(logging.DEBUG)
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        log.log(level, "at %s", logging.getLevelName(level))
    logging.getLogger("shop.other").error("two\nlines")
    print("one\ntwo", flush=True)
    os.write(1, b"caf\xe9 \xff\n")
    os.write(2, b"without an end")


def talk_and_wait() -> None:
    """Say something, and do not end before it was heard."""
    print("are you there?")
    logging.getLogger("shop").warning("and this?")
    deadline = time.monotonic() + 10
    while not (FOLDER / "heard").exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def flood() -> None:
    """Print many megabytes without a line break."""
    for _ in range(int((FOLDER / "megabytes").read_text())):
        os.write(1, b"x" * 2**20)


def flood_lines() -> None:
    line = "x" * 99
    for _ in range(int((FOLDER / "megabytes").read_text()) * 10_486):
        print(line)


def confide() -> None:
    """Have a value masked, and let it out in every way."""
    channels[0].write({"level": "mask", "values": ["hunter2!"]})
    subprocess.run(["echo", "a program says hunter2!"], check=True)
    logging.getLogger("shop").error("logged: hunter2!")
    raise ValueError("raised: hunter2!")


def say_and_die() -> None:
    print("last words", flush=True)
    logging.getLogger("shop").warning("logged last")
    samples.kill_self()
