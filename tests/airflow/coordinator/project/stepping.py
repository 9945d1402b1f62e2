"""A project as the coordinator sees it: a set-up, what runs a step, what notes a lost one. No Django."""

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from windsock.testing import samples

FOLDER = Path(os.environ["STEPPING_FOLDER"])


def setup() -> None:
    if (FOLDER / "broken").exists():
        raise RuntimeError("the settings are broken")


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
