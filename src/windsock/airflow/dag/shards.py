"""The files of a bundle: published documents on local disk, spread over 256 shards.

A workflow's shard is a fixed hash of its id, so that a file's name never depends on other workflows and a
running or cleared old run finds its file. A shard is a constant stub (Airflow keeps a copy of a DAG's file
for each version) with a JSON document beside it, in the form in which the feed sends it.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from windsock.airflow.hook import Entry, Problem
from windsock.errors import WireError
from windsock.wire import PROTOCOL, canonical, check_protocol, from_json, to_json

log = logging.getLogger(__name__)

FOLDER = "shards"
#: The first import lets the dag-processor load Airflow once, before it forks a process per file.
STUB = '''"""DAGs of Windsock: the workflows stand in the JSON file beside this one."""

from airflow.sdk import DAG  # noqa: F401

from windsock.airflow.dag import load

load(__file__, globals())
'''
SENTINEL_FILE = f"{FOLDER}/sentinel.py"
SENTINEL_STUB = '''"""The DAG of Windsock that is always there: Django names its file to ask for a refresh."""

from pathlib import Path

from windsock.airflow.dag import sentinel

dag = sentinel(Path(__file__).parents[2].name)
'''


def shard_of(workflow: str) -> str:
    """Return the shard of a workflow: two hex digits, the first byte of the SHA-256 of its id."""
    return f"{hashlib.sha256(workflow.encode()).digest()[0]:02x}"


def relative_path(workflow: str) -> str:
    """Return the path of a workflow's DAG file in the bundle; Airflow's ``relative_fileloc``."""
    return f"{FOLDER}/{shard_of(workflow)}.py"


def read(file: Path) -> dict[str, tuple[Entry, ...]]:
    """Return a shard's entries by workflow, the newest version of each first.

    Raises:
        WireError: the file is damaged.
        FileNotFoundError: there is none.
    """
    try:
        content = json.loads(file.read_bytes())
        check_protocol(content)
        entries = [from_json(Entry, entry, path=file.name) for entry in content["entries"]]
    except (WireError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WireError(f"{file} is damaged: {error}") from None
    found: dict[str, tuple[Entry, ...]] = {}
    for entry in sorted(entries, key=lambda entry: -entry.revision):
        found[entry.workflow] = (*found.get(entry.workflow, ()), entry)
    return found


def encode(entries: Iterable[Entry]) -> bytes:
    """Return the content of a shard's document."""
    ordered = sorted(entries, key=lambda entry: (entry.workflow, -entry.revision))
    return canonical({"protocol": PROTOCOL, "entries": [to_json(entry) for entry in ordered]})


def is_current(stub: Path, content: bytes) -> bool:
    """Whether a shard holds ``content`` and Airflow was told so: the stub is not older than its document."""
    document = stub.with_suffix(".json")
    return _holds(document, content) and _holds(stub, STUB.encode()) and modified(stub) >= modified(document)


def write(stub: Path, content: bytes) -> None:
    """Write a shard; the stub comes last, because its time tells Airflow to parse again."""
    stub.parent.mkdir(parents=True, exist_ok=True)
    replace(stub.with_suffix(".json"), content)
    if not _holds(stub, STUB.encode()):
        replace(stub, STUB.encode())
    touch(stub)


def touch(stub: Path) -> None:
    """Make a stub newer than it was and than now, also when the clock was put back."""
    moment = max(time.time_ns(), modified(stub) + 1_000_000)
    os.utime(stub, ns=(moment, moment))


def replace(file: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.{time.monotonic_ns()}")
    draft.write_bytes(content)
    draft.replace(file)


def problems_beside(stub: Path) -> Path:
    """Return where the problems of a shard are noted: ``problems`` beside the bundle's ``live`` folder."""
    return stub.parents[2] / "problems" / f"{stub.stem}.json"


def write_problems(stub: Path, problems: Iterable[Problem], *, read_at: int) -> None:
    """Note what Airflow would refuse in a shard, and that its document was looked at.

    Where there is no folder for it (a worker's copy of one workflow), nothing is noted.

    Args:
        stub: the shard's.
        problems: of its workflows.
        read_at: the document's modification time in ns when it was read.
    """
    file = problems_beside(stub)
    noted = [to_json(problem) for problem in problems]
    if file.parent.is_dir():
        try:
            if noted != read_json(file, None):
                replace(file, canonical(noted))
            os.utime(file, ns=(read_at, read_at))
        except OSError as error:
            # Raised here, it would be an import error of all the shard's DAGs.
            log.warning("Cannot note problems in %s: %s", file, error)


def was_looked_at(stub: Path) -> bool:
    """Whether the shard's present document was parsed, so that what is not noted is accepted."""
    return 0 < modified(stub.with_suffix(".json")) == modified(problems_beside(stub))


def read_json(file: Path, default: Any) -> Any:
    """Return the content of a small local file; ``default`` when it is missing or damaged."""
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError):
        return default


def fingerprint(folder: Path) -> Mapping[str, list[int]]:
    """Return size and time of each document and the size of each stub, by name, to find foreign changes."""
    return {
        item.name: [item.stat().st_size, item.stat().st_mtime_ns if item.name.endswith(".json") else 0]
        for item in os.scandir(folder)
        if item.name.endswith((".json", ".py")) and not item.name.startswith(".")
    }


def _holds(file: Path, content: bytes) -> bool:
    try:
        return file.read_bytes() == content
    except OSError:
        return False


def modified(file: Path) -> int:
    """Return a file's modification time in ns; 0 when there is none."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
