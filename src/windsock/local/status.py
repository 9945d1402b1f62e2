"""What runs now: the one object that `windsock status --json` prints and that others build on."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from windsock.local.ledger import Entry
from windsock.local.state import State

FILE = "status.json"
PARTS = (
    *("postgres", "valkey", "airflow-api", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"),
    *("web", "worker", "relay"),
)


class Phase(StrEnum):
    """The state of the whole, and of one part. A part may also be external: the caller brought it."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    EXTERNAL = "external"


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """One part, or one step before the parts.

    Attributes:
        state: How far it is.
        pid: Its first process, None for a step and for a part that does not run.
        since: When it began, in seconds of unix time.
        seconds: How long it took to be ready, None before.
    """

    state: Phase = Phase.STOPPED
    pid: int | None = None
    since: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """The whole stack.

    Attributes:
        state: The whole, one of stopped, starting, ready, failed.
        parts: The parts by name.
        steps: The steps of the start by name.
        web_url: The project's address.
        airflow_url: Airflow's address.
        username: The superuser.
        message: Why it failed.
        processes: Guard and supervisor.
    """

    state: Phase = Phase.STOPPED
    parts: Mapping[str, Progress] = field(default_factory=dict)
    steps: Mapping[str, Progress] = field(default_factory=dict)
    web_url: str | None = None
    airflow_url: str | None = None
    username: str | None = None
    message: str | None = None
    processes: tuple[Entry, ...] = ()

    @property
    def running(self) -> bool:
        """Whether a supervisor or its guard is alive."""
        return any(each.alive() for each in self.processes)


def write(state: State, status: Status) -> None:
    """Keeps the status for the other commands."""
    state.write(FILE, {**asdict(status), "written": time.time()})


def read(state: State) -> Status:
    """The status now; a supervisor that is gone without a word has stopped."""
    kept = state.read(FILE)
    if not kept:
        return Status()
    found = Status(
        state=Phase(kept["state"]),
        parts={name: _progress(value) for name, value in kept["parts"].items()},
        steps={name: _progress(value) for name, value in kept["steps"].items()},
        web_url=kept["web_url"],
        airflow_url=kept["airflow_url"],
        username=kept["username"],
        message=kept["message"],
        processes=tuple(Entry(**each) for each in kept["processes"]),
    )
    if found.running:
        return found
    ended = Phase.FAILED if found.state is Phase.FAILED else Phase.STOPPED
    return Status(state=ended, message=found.message, processes=found.processes)


def _progress(value: Mapping[str, Any]) -> Progress:
    return Progress(**{**value, "state": Phase(value["state"])})


def to_json(status: Status, state: State) -> str:
    """The object for scripts: every key is always there, null when it means nothing now."""
    up = status.running and status.state is not Phase.STOPPED
    parts = {name: status.parts.get(name, Progress()) for name in (*PARTS, *status.parts)}
    return json.dumps(
        {
            "state": str(status.state),
            "web_url": status.web_url if up else None,
            "airflow_url": status.airflow_url if up else None,
            "username": status.username if up else None,
            "password_file": str(state.password_file) if up else None,
            "token": state.read_text("token") if up else None,
            "parts": {name: {"state": str(each.state), "pid": each.pid} for name, each in parts.items()},
        }
    )
