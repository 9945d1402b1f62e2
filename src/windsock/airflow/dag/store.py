"""What a bundle knows on this host: the newest documents, how far it has read, and what was refused."""

import contextlib
import hashlib
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from windsock.airflow.dag import shards
from windsock.airflow.hook import NEWEST, Entry, Problem
from windsock.errors import WireError
from windsock.wire import canonical, from_json, to_json

#: Copies of single workflows at old revisions that a host keeps; then the half unused for longest goes.
COPIES = 2_000

#: Versions of one workflow that stand behind its newest, in case Airflow refuses that.
FALLBACKS = 8

#: A shard's new content by its name.
Plan = dict[str, bytes]
#: Versions that the last parse refused, as (workflow, revision).
Refused = Set[tuple[str, int]]


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
        changes: dict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            changes[shards.shard_of(entry.workflow)].append(entry)
        if whole:
            for document in self._shards.glob("*.json"):
                changes[document.stem] += []
        plan = {}
        for shard, changed in changes.items():
            kept = list(self._merged({} if whole else self._entries(shard), changed, shard))
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
        """Return the version that was in force at ``revision``; None when this host cannot tell."""
        reach = self.revision()
        copy = self.copy_of(workflow, revision) / shards.relative_path(workflow)
        try:
            if revision != NEWEST and copy.exists():
                return shards.read(copy.with_suffix(".json"))[workflow][0]
            if reach >= revision or (revision == NEWEST and reach):
                shard = shards.shard_of(workflow)
                candidates = self._entries(shard).get(workflow, ())
                if candidates and candidates[0].revision <= revision:
                    refused = self._refused(shard)
                    return next((entry for entry in candidates if not _is_refused(entry, refused)), None)
        except (OSError, KeyError, WireError):
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
        """Return what Django was not told yet (an empty message: Airflow takes it now), and all problems."""
        noted = _problems_in(*self._problems.glob("*.json"))
        told = _problems_in(self._told)
        news = [problem for key, problem in noted.items() if told.get(key) != problem]
        gone = [problem for key, problem in told.items() if key not in noted]
        news += [replace(problem, message="") for problem in gone if self._is_newest(problem)]
        if gone and not news:
            self.remember_told(noted.values())
        return news, list(noted.values())

    def remember_told(self, problems: Iterable[Problem]) -> None:
        """Remember what Django knows now."""
        shards.replace(self._told, canonical([to_json(problem) for problem in problems]))

    def forget_copies(self) -> None:
        """Drop all copies: they are of another database."""
        shutil.rmtree(self._versions, ignore_errors=True)

    def _stub(self, shard: str) -> Path:
        return self._shards / f"{shard}.py"

    def _merged(
        self, known: Mapping[str, tuple[Entry, ...]], changed: Iterable[Entry], shard: str
    ) -> Iterator[Entry]:
        """Yield what a shard shall hold: of each workflow the newest version and what may be in force yet."""
        fresh: dict[str, list[Entry]] = defaultdict(list)
        for entry in changed:
            fresh[entry.workflow].append(entry)
        refused, was_looked_at = self._refused(shard), shards.was_looked_at(self._stub(shard))
        for workflow in known.keys() | fresh.keys():
            older = known.get(workflow, ())
            taken = [e.revision for e in older if not _is_refused(e, refused)] if was_looked_at else []
            versions = {entry.revision: entry for entry in (*older, *fresh[workflow])}
            newest_first = [versions[revision] for revision in sorted(versions, reverse=True)]
            yield from islice(_candidates(newest_first, refused, max(taken, default=0)), 1 + FALLBACKS)

    def _refused(self, shard: str) -> Refused:
        noted = _problems_in(self._problems / f"{shard}.json")
        return {key for key, problem in noted.items() if problem.message}

    def _is_newest(self, problem: Problem) -> bool:
        known = self._entries(shards.shard_of(problem.workflow)).get(problem.workflow, ())
        return bool(known) and known[0].revision == problem.revision

    def _entries(self, shard: str) -> dict[str, tuple[Entry, ...]]:
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


def _candidates(newest_first: Iterable[Entry], refused: Refused, taken: int) -> Iterator[Entry]:
    """Yield the newest version, and what stands behind it down to the one that is known to be taken."""
    for place, entry in enumerate(newest_first):
        if entry.document is None:
            return
        if place == 0 or not _is_refused(entry, refused):
            yield entry
        if entry.revision == taken:
            return


def _is_refused(entry: Entry, refused: Refused) -> bool:
    return entry.refused or (entry.workflow, entry.revision) in refused


def _last_use(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # another process made room too
        return 0.0


def _problems_in(*files: Path) -> dict[tuple[str, int], Problem]:
    problems = {}
    for file in files:
        try:
            found = [from_json(Problem, item) for item in shards.read_json(file, [])]
        except (WireError, TypeError):
            continue
        problems.update({(problem.workflow, problem.revision): problem for problem in found})
    return problems
