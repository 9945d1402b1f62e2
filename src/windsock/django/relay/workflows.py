"""The duty that brings published versions into force: number, ask Airflow to parse, see that they are served.

Three traps of Airflow 3.3's dag-processor stand behind its shape. Other changed files wait until its queue is
empty. A file is parsed again only if it is newer than its last *finish*, so that a refresh during a parse can
be missed. The bundle's version is stamped when a result is collected, so that it proves nothing. Therefore:
one request a batch, none while one is in flight, and only the digest in the served DAG counts.
"""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from windsock.django.actions import liveness, revisions
from windsock.django.actions.liveness import Open
from windsock.django.actions.workflows import bury
from windsock.django.observed import Served
from windsock.django.orchestrator import SENTINEL, Airflow
from windsock.errors import OrchestratorAway, OrchestratorError

logger = logging.getLogger(__name__)

LOOK = 0.1  #: seconds between two looks at a version that was published just now
SLOWEST_LOOK = 5.0  #: seconds, for what has waited long
LOOK_AT_REFUSED = 60.0  #: seconds
ASK_AGAIN = 2.0  #: seconds without news after which Airflow is asked again
SLOWEST_ASK = 60.0  #: seconds
STUCK_AFTER = 10.0  #: seconds
STUCK_TOMBSTONE = 180.0  #: seconds; Airflow drops a DAG only when it cleans up
BURY_EVERY = 60.0  #: seconds
BATCH = 20  #: looks a round


@dataclass(slots=True)
class _Waiting:
    """A version on its way."""

    version: Open
    since: float
    look_at: float
    asked_at: float | None = None
    told: str = ""  #: what keeps it, as written on the workflow

    def age(self, now: float) -> float:
        return now - self.since

    @property
    def patience(self) -> float:
        return STUCK_TOMBSTONE if self.version.is_tombstone else STUCK_AFTER

    def look_again(self, now: float) -> None:
        if self.version.is_refused:
            pause = LOOK_AT_REFUSED
        else:
            slowest = 1.0 if self.version.is_tombstone else LOOK
            pause = max(slowest, min(SLOWEST_LOOK, self.age(now) / 20))
        self.look_at = now + pause

    def is_in_flight(self, now: float) -> bool:
        asked = self.asked_at is not None and now - self.asked_at < ASK_AGAIN
        return asked and not self.version.is_tombstone

    def should_ask(self, now: float, news_at: float) -> bool:
        if self.version.is_refused:
            return False
        if self.asked_at is None:
            return True
        least = SLOWEST_ASK / 2 if self.version.is_tombstone else ASK_AGAIN
        return now - max(self.asked_at, news_at) >= max(least, min(SLOWEST_ASK, self.age(now) / 4))


@dataclass(slots=True)
class Publisher:
    """What the relay remembers between two rounds."""

    airflow: Airflow | None
    clock: Callable[[], float] = time.monotonic
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)  #: shard -> file token
    _news_at: float = 0.0  #: when something came into force last
    _bury_at: float = 0.0

    def run(self) -> timedelta | None:
        """One round; return when to look again."""
        revisions.number()
        now = self.clock()
        if now >= self._bury_at:
            self._bury_at = now + BURY_EVERY
            bury()
        self._take_over(liveness.open_versions(), now)
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
        next_look = min(item.look_at for item in self._waiting.values())
        return timedelta(seconds=max(LOOK / 2, next_look - self.clock()))

    def _take_over(self, versions: list[Open], now: float) -> None:
        known, self._waiting = self._waiting, {}
        for version in versions:
            item = known.get(version.workflow)
            if item is None or item.version.revision != version.revision:
                item = _Waiting(version=version, since=now, look_at=now)
            item.version = version
            self._waiting[version.workflow] = item

    def _look(self, airflow: Airflow, now: float) -> None:
        """See which of the versions that are due for a look are in force."""
        due = [
            item
            for item in self._waiting.values()
            if item.look_at <= now and (item.asked_at is not None or item.age(now) > ASK_AGAIN)
        ]
        for item in sorted(due, key=lambda item: item.look_at)[:BATCH]:
            version = item.version
            served = airflow.served(version.workflow)
            if served is not None:
                self._tokens[shard(version.workflow)] = served.file_token
            if is_in_force(version, served) and liveness.settle(version):
                logger.info("%s is live at revision %s", version.workflow, version.revision)
                del self._waiting[version.workflow]
                self._news_at = now
            else:
                item.look_again(now)

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
            item.look_at = now + LOOK

    def _sentinel(self, airflow: Airflow) -> str:
        if SENTINEL not in self._tokens:
            served = airflow.served(SENTINEL)
            if served is None:
                raise OrchestratorAway("Airflow has not read the bundle yet: it has no DAG windsock_sentinel")
            self._tokens[SENTINEL] = served.file_token
        return self._tokens[SENTINEL]

    def _tell(self, now: float, reason: str) -> None:
        """Say on the workflow what keeps it waiting, once it has waited long."""
        for item in self._waiting.values():
            revision = item.version.revision
            text = reason or f"Airflow does not serve revision {revision}; see the log of its dag-processor"
            if (
                item.age(now) >= item.patience
                and text != item.told
                and liveness.mark_stuck(item.version, text)
            ):
                item.told = text


def is_in_force(version: Open, served: Served | None) -> bool:
    """Whether what Airflow serves is this version; a tombstone is in force when nothing is scheduled."""
    if version.is_tombstone:
        return served is None or served.is_stale
    return served is not None and not served.is_stale and served.digest == version.digest


def shard(workflow: str) -> str:
    """Return the file of a workflow in the bundle: two hex digits, for ever."""
    return hashlib.sha256(workflow.encode()).hexdigest()[:2]
