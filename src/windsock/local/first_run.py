"""The main job, shown once: the first workflow becomes live, is run, and its result is seen."""

import json
import time
from collections.abc import Callable
from typing import Any

from windsock.local.client import Client, results
from windsock.local.errors import LocalError

# Seconds.
LIVE_PATIENCE = 60.0
RUN_PATIENCE = 120.0
_EVERY = 0.25
_UNFINISHED = frozenset({"PENDING", "PROCESSING"})

Say = Callable[[str], None]


def show(client: Client, say: Say, wanted: Callable[[], bool] = lambda: True) -> bool:
    """Runs the first workflow and tells how it went; a project without workflows is told so.

    Args:
        client: The project's API.
        say: Told each line for the person at the terminal.
        wanted: False ends the waiting.

    Returns:
        Whether nothing went wrong.
    """
    try:
        candidates = [each for each in results(client.get("/api/workflows/")) if not each.get("is_paused")]
        if not candidates:
            say("No workflow yet: the project publishes none. Make one in the admin or register a source.")
            return True
        name = str(candidates[0]["id"])
        say(f"Waiting for {name} to be live in Airflow ...")
        if not _until(lambda: _is_live(client, name), LIVE_PATIENCE, wanted):
            say(f"{name} is not live yet; see `windsock logs airflow-dag-processor`.")
            return False
        return _run(client, name, say, wanted)
    except (LocalError, KeyError, TypeError) as error:
        say(f"The first run could not be shown: {error}")
        return False


def _run(client: Client, name: str, say: Say, wanted: Callable[[], bool]) -> bool:
    started = time.monotonic()
    run: dict[str, Any] = client.post(f"/api/workflows/{name}/run/")
    say(f"Running {name} ...")
    path = f"/api/runs/{run['id']}/"

    def ended() -> bool:
        nonlocal run
        run = client.get(path)
        return run["status"] not in _UNFINISHED

    if not _until(ended, RUN_PATIENCE, wanted):
        say(f"{name} has not ended yet; see {path}.")
        return False
    say(f"{name} is {run['status']} after {time.monotonic() - started:.1f} s.")
    for step in run.get("steps") or []:
        say(f"  {step.get('task_name')}: {step.get('status')} {_short(step.get('result'))}")
    return bool(run["status"] == "DONE")


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


def _is_live(client: Client, name: str) -> bool:
    return any(each["id"] == name and each.get("live") for each in results(client.get("/api/workflows/")))


def _until(condition: Callable[[], bool], seconds: float, wanted: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while wanted() and time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(_EVERY)
    return False
