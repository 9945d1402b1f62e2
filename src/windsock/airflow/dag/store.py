"""What a bundle knows on this host: the newest documents, how far it has read, and what was refused."""

import contextlib
import hashlib
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from windsock.airflow.dag import shards
from windsock.airflow.hook import NEWEST, Entry, Problem
from windsock.errors import WireError
from windsock.wire import canonical, from_json, to_json

#: Copies of single workflows at old revisions that a host keeps; then the half unused for longest goes.
COPIES = 2_000

#: A shard's new content by its name.
Plan = dict[str, bytes]


class Store:
    """The folder of one bundle.

    ``live/shards`` is what the dag-processor parses; ``versions`` holds workers' copies of single workflows.
    Files are replaced whole, so readers need no lock; writers hold the bundle's.
    """

    def __init__(self, folder: Path) -> None:
        self.live = folder / "live"
        self._shards = self.live / shards.FOLDER
        self._versions = folder / "versions"
        self._problems = folder / "problems"
        self._state = folder / "state.json"
        self._told = folder / "told.json"

    def prepare(self) -> None:
        """Make the folders and the sentinel."""
        for folder in (self._shards, self._problems):
            folder.mkdir(parents=True, exist_ok=True)
        sentinel = self.live / shards.SENTINEL_FILE
        content = shards.SENTINEL_STUB.encode()
        if not sentinel.exists() or sentinel.read_bytes() != content:
            shards.replace(sentinel, content)

    def revision(self) -> int:
        """Return the revision up to which this host has read; 0: nothing yet."""
        revision = self._read_state().get("revision")
        return revision if isinstance(revision, int) else 0

    def is_intact(self) -> bool:
        """Whether the files are as they were left."""
        try:
            return bool(self._read_state().get("documents") == shards.fingerprint(self._shards))
        except OSError:
            return False

    def plan(self, entries: Iterable[Entry], *, whole: bool) -> Plan:
        """Return the shards whose content changes.

        Args:
            entries: what was published.
            whole: the entries are all there is: what else stands in a shard goes.
        """
        changes: dict[str, dict[str, Entry]] = defaultdict(dict)
        for entry in entries:
            changes[shards.shard_of(entry.workflow)][entry.workflow] = entry
        if whole:
            for document in self._shards.glob("*.json"):
                changes[document.stem] |= {}
        plan = {}
        for shard, changed in changes.items():
            merged = ({} if whole else self._entries(shard)) | changed
            kept = [entry for entry in merged.values() if entry.document is not None]
            content = shards.encode(kept)
            stub = self._stub(shard)
            known = kept or stub.exists() or stub.with_suffix(".json").exists()
            if known and not shards.is_current(stub, content):
                plan[shard] = content
        return plan

    def apply(self, plan: Plan, *, revision: int, again: Mapping[str, float] = MappingProxyType({})) -> None:
        """Write the planned shards and remember how far they reach.

        Args:
            plan: from ``plan``.
            revision: the highest revision in it.
            again: Unix times at which shards are to be parsed once more.
        """
        for shard, content in plan.items():
            shards.write(self._stub(shard), content)
        self._write_state(revision, {**(self._read_state().get("again") or {}), **again})

    def touch_due(self) -> set[str]:
        """Touch the shards that are to be parsed once more now and return their names."""
        again: dict[str, float] = self._read_state().get("again") or {}
        due = {shard for shard, moment in again.items() if moment <= time.time()}
        for shard in due:
            shards.touch(self._stub(shard))
        if due:
            later = {shard: moment for shard, moment in again.items() if shard not in due}
            self._write_state(self.revision(), later)
        return due

    def find(self, workflow: str, revision: int) -> Entry | None:
        """Return the newest version not newer than ``revision``; None when this host cannot tell."""
        reach = self.revision()
        copy = self.copy_of(workflow, revision) / shards.relative_path(workflow)
        try:
            if revision != NEWEST and copy.exists():
                return shards.read(copy.with_suffix(".json")).get(workflow)
            if reach >= revision or (revision == NEWEST and reach):
                entry = shards.read(self._stub(shards.shard_of(workflow)).with_suffix(".json")).get(workflow)
                return entry if entry is not None and entry.revision <= revision else None
        except (OSError, WireError):
            pass
        return None

    def copy_of(self, workflow: str, revision: int) -> Path:
        """Return the folder of a worker's copy: one workflow at one revision, laid out like ``live``."""
        version = "newest" if revision == NEWEST else str(revision)
        return self._versions / version / hashlib.sha256(workflow.encode()).hexdigest()[:32]

    def keep_copy(self, entry: Entry, revision: int) -> Path:
        """Keep one workflow as it was at ``revision`` and return its folder."""
        folder = self.copy_of(entry.workflow, revision)
        stub = folder / shards.relative_path(entry.workflow)
        content = shards.encode([entry])
        if not shards.is_current(stub, content):
            self._make_room()
            shards.write(stub, content)
        os.utime(folder)
        return folder

    def news(self) -> tuple[list[Problem], list[Problem]]:
        """Return the problems that Django was not told yet (cleared ones with an empty message), and all."""
        noted = _problems_in(*self._problems.glob("*.json"))
        told = _problems_in(self._told)
        news = [problem for workflow, problem in noted.items() if told.get(workflow) != problem]
        cleared = [problem for workflow, problem in told.items() if workflow not in noted]
        news += [Problem(workflow=item.workflow, revision=item.revision, message="") for item in cleared]
        return news, list(noted.values())

    def remember_told(self, problems: Iterable[Problem]) -> None:
        """Remember what Django knows now."""
        shards.replace(self._told, canonical([to_json(problem) for problem in problems]))

    def forget_copies(self) -> None:
        """Drop all copies: they are of another database."""
        shutil.rmtree(self._versions, ignore_errors=True)

    def _stub(self, shard: str) -> Path:
        return self._shards / f"{shard}.py"

    def _entries(self, shard: str) -> dict[str, Entry]:
        try:
            return shards.read(self._stub(shard).with_suffix(".json"))
        except FileNotFoundError:
            return {}

    def _read_state(self) -> dict[str, Any]:
        state = shards.read_json(self._state, {})
        return state if isinstance(state, dict) else {}

    def _write_state(self, revision: int, again: dict[str, float]) -> None:
        documents = shards.fingerprint(self._shards)
        shards.replace(self._state, canonical({"revision": revision, "documents": documents, "again": again}))

    def _make_room(self) -> None:
        copies = sorted(self._versions.glob("*/*"), key=_last_use)
        if len(copies) >= COPIES:
            for folder in copies[: COPIES // 2]:
                shutil.rmtree(folder, ignore_errors=True)
                with contextlib.suppress(OSError):  # other copies are left in it
                    folder.parent.rmdir()


def _last_use(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # another process made room too
        return 0.0


def _problems_in(*files: Path) -> dict[str, Problem]:
    problems = {}
    for file in files:
        try:
            found = [from_json(Problem, item) for item in shards.read_json(file, [])]
        except (WireError, TypeError):
            continue
        problems.update({problem.workflow: problem for problem in found})
    return problems
