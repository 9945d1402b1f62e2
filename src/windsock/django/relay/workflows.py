"""The duty that brings published versions into force: number, ask Airflow to parse, see that they are served.

Three traps of Airflow 3.3's dag-processor stand behind its shape. Other changed files wait until its queue is
empty. A file is parsed again only if it is newer than its last *finish*, so that a refresh during a parse can
be missed. The bundle's version is stamped when a result is collected, so that it proves nothing. Therefore:
one request a batch, none while one is in flight, and only the digest in the served DAG counts.

A few versions are looked at one by one. Many that came together are found in the list of all DAGs: it costs
Airflow less than a look at each, and is read so seldom that it takes a small part of the time.
"""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from windsock.django.actions import liveness, refusals, revisions
from windsock.django.actions.liveness import Open
from windsock.django.actions.workflows import bury
from windsock.django.observed import Served
from windsock.django.orchestrator import Airflow, sentinel
from windsock.django.relay.waiting import FIRST_LOOK, LOOK, MANY, Waiting
from windsock.errors import OrchestratorAway, OrchestratorError

logger = logging.getLogger(__name__)

BURY_EVERY = 60.0  #: seconds
BATCH = 20  #: looks a round
LIST_PAUSE = 5.0  #: seconds, at least, between two readings of the list
LIST_SHARE = 5.0  #: and this many times what the last reading took
EXPECTED = 0.008  #: seconds that Airflow takes for each of many, before its own pace is known
RATE = 1_000.0  #: waiting versions that may be read in a second, all of them anew
GONE = "Airflow had lost it."


@dataclass(slots=True)
class Publisher:
    """What the relay remembers between two rounds."""

    airflow: Airflow | None
    clock: Callable[[], float] = time.monotonic
    _waiting: dict[str, Waiting] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)  #: shard -> file token
    _news_at: float = 0.0  #: when something came into force last
    _bury_at: float = 0.0
    _reach: int = 0  #: revision up to which the waiting versions were read
    _read_all_at: float = 0.0
    _list_at: float = 0.0  #: when the list is worth reading again
    _list_read_at: float = 0.0

    def run(self) -> timedelta | None:
        """One round; return when to look again."""
        revisions.number()
        now = self.clock()
        if now >= self._bury_at:
            self._bury_at = now + BURY_EVERY
            bury()
        self._take_over(now)
        if not self._waiting or self.airflow is None:
            return None
        try:
            self._look(self.airflow, now)
            self._ask(self.airflow, now)
        except OrchestratorError as error:
            self._tell(now, str(error))
            return timedelta(seconds=1)
        self._tell(now, "")
        if not self._waiting:
            return None
        looks = (max(item.look_at, self._list_at * item.is_in_crowd) for item in self._waiting.values())
        return timedelta(seconds=max(LOOK / 2, min(looks) - self.clock()))

    def _take_over(self, now: float) -> None:
        """Read what is new; all that is open only as often as its number allows."""
        is_all = now >= self._read_all_at
        versions = liveness.open_versions(after=0 if is_all else self._reach)
        known = self._waiting
        if is_all:
            self._waiting = {}
            self._read_all_at = now + len(versions) / RATE
        crowd = sum(version.workflow not in known for version in versions)
        if crowd > MANY:
            first = min((item.since for item in known.values() if item.crowd > MANY), default=now)
            crowd += sum(item.crowd > MANY for item in known.values())
            self._list_at = max(self._list_at, first + crowd * EXPECTED)
            self._list_read_at = max(self._list_read_at, first)
            for other in known.values():
                other.crowd = crowd if other.crowd > MANY else other.crowd
        for version in versions:
            item = known.get(version.workflow)
            if item is None or item.version.revision != version.revision:
                item = Waiting(version=version, since=now, look_at=now, crowd=crowd)
            item.version = version
            self._waiting[version.workflow] = item
            self._reach = max(self._reach, version.revision)

    def _look(self, airflow: Airflow, now: float) -> None:
        """See which of the versions that are due for a look are in force."""
        due = [item for item in self._waiting.values() if item.is_due(now)]
        many = [item for item in due if item.is_in_crowd]
        if len(many) > MANY:
            self._read_list(airflow, many, now)
            due = [item for item in due if not item.is_in_crowd and item.version.workflow in self._waiting]
        for item in sorted(due, key=lambda item: item.look_at)[:BATCH]:
            version = item.version
            served = airflow.served(version.workflow)
            if served is not None:
                self._tokens[shard(version.workflow)] = served.file_token
            if not is_in_force(version, served) or not self._settle([item], now):
                item.look_again(now)
            if served is None and item.is_gone(now):
                # Airflow parses no file that did not change; a new revision changes it.
                refusals.publish_again(version.workflow, version.revision, GONE)

    def _read_list(self, airflow: Airflow, many: list[Waiting], now: float) -> None:
        """Find versions in the list of all DAGs, unless it was read just now."""
        if now < self._list_at:
            return
        began = self.clock()
        digests = airflow.in_force()
        for item in many:
            digest = digests.get(item.version.workflow)
            item.is_found = (
                digest is None if item.version.is_tombstone else item.version.digest.startswith(digest or "-")
            )
        # The list comes from another table than what Airflow runs, and Airflow may keep an edit of that back:
        # a workflow that was in force before gets a look of its own.
        self._settle(
            [item for item in many if item.is_found and (item.version.is_first or item.version.is_tombstone)],
            now,
        )
        took, left = self.clock() - began, sum(not item.is_found for item in many)
        found = len(many) - left
        each = (began - self._list_read_at) / found if found else EXPECTED
        self._list_at = self.clock() + max(LIST_PAUSE, LIST_SHARE * took, each * left)
        self._list_read_at = began

    def _settle(self, items: list[Waiting], now: float) -> set[str]:
        settled = liveness.settle(item.version for item in items) if items else set()
        for item in items:
            if item.version.workflow in settled:
                logger.info("%s is live at revision %s", item.version.workflow, item.version.revision)
                del self._waiting[item.version.workflow]
                self._news_at = now
        return settled

    def _ask(self, airflow: Airflow, now: float) -> None:
        """Ask for a parse, unless what was asked for is still on its way."""
        wanted = [item for item in self._waiting.values() if item.should_ask(now, self._news_at)]
        if not wanted or any(item.is_in_flight(now) for item in self._waiting.values()):
            return
        # Any file has the whole bundle refreshed; only one that was missed must itself be named.
        missed = sorted({shard(item.version.workflow) for item in wanted if item.asked_at is not None})
        files = [self._tokens[name] for name in missed[:BATCH] if name in self._tokens]
        for token in files or [self._sentinel(airflow)]:
            try:
                airflow.ask_to_parse(token)
            except OrchestratorAway:
                raise
            except OrchestratorError:
                self._tokens.clear()  # the file is gone, or Airflow signs with another key now
                raise
        for item in wanted:
            item.asked_at = now
            item.look_at = now + FIRST_LOOK

    def _sentinel(self, airflow: Airflow) -> str:
        name = sentinel()
        if name not in self._tokens:
            served = airflow.served(name)
            if served is None:
                raise OrchestratorAway(f"Airflow has not read the bundle yet: it has no DAG {name}")
            self._tokens[name] = served.file_token
        return self._tokens[name]

    def _tell(self, now: float, reason: str) -> None:
        """Say on the workflows what keeps them waiting, once they have waited long."""
        text = reason or "Airflow does not serve the newest version; see the log of its dag-processor"
        late = {
            item.version.workflow: item
            for item in self._waiting.values()
            if item.told != text
            and now - max(item.since, self._news_at if item.crowd > MANY else 0.0) >= item.patience
        }
        for workflow in liveness.mark_stuck(late, text) if late else ():
            late[workflow].told = text


def is_in_force(version: Open, served: Served | None) -> bool:
    """Whether what Airflow serves is this version; a tombstone is in force when nothing is scheduled."""
    if version.is_tombstone:
        return served is None or served.is_stale
    return served is not None and not served.is_stale and served.digest == version.digest


def shard(workflow: str) -> str:
    """Return the file of a workflow in the bundle: two hex digits, for ever."""
    return hashlib.sha256(workflow.encode()).hexdigest()[:2]
