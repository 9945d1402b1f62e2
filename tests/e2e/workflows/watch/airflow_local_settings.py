"""Airflow imports this module in each of its processes; here it lets a test look into them.

On SIGUSR1 a process tries to import Django in its main thread, wherever it stands, and writes down what
came of it. A process that executes a shard writes down what it does on the network. The notes go to the
folder that $WINDSOCK_WATCH names; without it nothing is watched. And there is a rule of this Airflow alone,
of which no Django project can know: no DAG may carry the tag "forbidden".
"""

import importlib
import json
import os
import signal
import sys
from pathlib import Path
from types import CodeType
from typing import Any

from airflow.exceptions import AirflowClusterPolicyViolation

__all__ = ["dag_policy"]

NOTES = os.environ.get("WINDSOCK_WATCH", "")
NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
CONTROL = "this very module"
_parsing: list[str] = []  #: the shard that this process executes
_is_noting = False


def dag_policy(dag: Any) -> None:
    """Refuse a DAG that Django accepts."""
    if "forbidden" in dag.tags:
        raise AirflowClusterPolicyViolation(f"{dag.dag_id} carries a forbidden tag")


def note(kind: str, **content: Any) -> None:
    """Append a line to this process's notes."""
    global _is_noting
    _is_noting = True
    try:
        with Path(NOTES, f"{kind}-{os.getpid()}.jsonl").open("a") as file:
            file.write(json.dumps(content) + "\n")
    finally:
        _is_noting = False


def try_django() -> str:
    """Return what ``import django`` comes to here."""
    importlib.invalidate_caches()
    try:
        importlib.import_module("django")
    except Exception as error:
        return type(error).__name__
    return "imported"


def answer(*_: Any) -> None:
    loaded = sorted(name for name in sys.modules if name.partition(".")[0] == "django")
    command = " ".join(Path("/proc/self/cmdline").read_text().split("\0"))
    note("import", outcome=try_django(), loaded=loaded, command=command)


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _is_noting:
        return
    if event == "exec" and isinstance(arguments[0], CodeType):
        path = Path(arguments[0].co_filename)
        if path.parent.name == "shards" and path.parent.parent.name == "live":
            _parsing.append(path.stem)
            note("parse", event="shard", what=path.stem, outcome=try_django())
            sys.audit("socket.connect", None, CONTROL)
    elif _parsing and event in NETWORK:
        note("parse", event=event, what=str(arguments[1:]))


if NOTES:
    signal.signal(signal.SIGUSR1, answer)
    sys.addaudithook(watch)
