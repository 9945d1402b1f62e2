"""Runs a plan: starts what may start, watches what runs, and ends everything in order."""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType

from windsock.local import addresses, ledger, logs, process, status, stopping
from windsock.local.errors import LocalError
from windsock.local.ledger import Entry
from windsock.local.parts import Plan
from windsock.local.running import BACK_OFF, RunningPart, RunningStep
from windsock.local.state import State
from windsock.local.status import Phase, Progress, Status

# Seconds between two looks: often while something starts, seldom afterwards.
_BUSY, _IDLE = 0.05, 0.25
_RECORD_EVERY = 10.0

# Told whenever it may have changed; false when nobody looks on any more.
View = Callable[[Status], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long parts get, in seconds.

    Attributes:
        back_off: The pauses before each new start of a part; after the last one it has failed.
        grace: The time to stop before a part is killed.
    """

    back_off: tuple[float, ...] = BACK_OFF
    grace: float = stopping.GRACE


class Supervisor:
    """Runs one plan in the main thread until it is asked to stop or a part fails.

    Args:
        plan: What to run.
        state: Where status, ledger and logs are kept.
        about: Addresses, username and the processes of guard and supervisor, as a status.
        view: Shown every new status.
        patience: How long parts get.
    """

    def __init__(
        self,
        plan: Plan,
        state: State,
        about: Status,
        view: View,
        patience: Patience | None = None,
    ) -> None:
        self._plan = plan
        self._state = state
        self._about = about
        self._view = view
        self._patience = patience or Patience()
        self._steps: dict[str, RunningStep] = {}
        self._parts: dict[str, RunningPart] = {}
        self._done: set[str] = set()
        self._asked = 0
        self._parent = os.getppid()
        self._wake = threading.Event()
        self._recorded: tuple[float, list[Entry]] = (0.0, [])
        self._written: Status | None = None

    def run(self) -> int:
        """Runs until the end; returns 0 after a request to stop, 1 after a failure."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)
        failure: str | None = None
        try:
            while not self._asked and os.getppid() == self._parent:
                self._advance()
                self._publish(self._phase())
                self._wake.wait(_BUSY if self._pending() else _IDLE)
        except LocalError as error:
            failure = str(error)
        finally:
            self._end(failure)
        return 1 if failure else 0

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked += 1
        self._wake.set()

    def _advance(self) -> None:
        """One look at everything. A dependency outside the plan is somebody else's and counts as done."""
        process.reap()
        names = {each.name for each in self._plan.steps} | {each.name for each in self._plan.parts}
        for step in self._plan.steps:
            if step.name in self._steps:
                self._note(step.name, self._steps[step.name].check())
            elif not (names & set(step.after)) - self._done:
                self._steps[step.name] = RunningStep(step)
        for part in self._plan.parts:
            if part.name in self._parts:
                self._note(part.name, self._parts[part.name].check())
            elif not (names & set(part.after)) - self._done:
                self._parts[part.name] = RunningPart(part, self._state, self._patience.back_off)
        self._record()

    def _note(self, name: str, done: bool) -> None:
        if done:
            self._done.add(name)
        else:
            self._done.discard(name)

    def _pending(self) -> bool:
        return len(self._done) < len(self._plan.steps) + len(self._plan.parts)

    def _phase(self) -> Phase:
        return Phase.STARTING if self._pending() else Phase.READY

    def _entries(self) -> list[Entry]:
        return [each.entry for each in self._parts.values() if each.entry]

    def _record(self) -> None:
        """Keeps the ledger: the parts at once, their descendants now and then.

        Descendants matter when this process and its guard are killed together.
        """
        at, recorded = self._recorded
        parts = self._entries()
        if parts == [each for each in recorded if each in parts] and time.monotonic() - at < _RECORD_EVERY:
            return
        known = {each.pid for each in parts}
        storage = [each for each in parts if each.stops_last]
        entries = [*parts, *(each for each in ledger.strays(storage) if each.pid not in known)]
        self._recorded = (time.monotonic(), entries)
        if entries != recorded:
            ledger.write(self._state, entries)
        logs.bound(self._state.logs)

    def _publish(
        self, phase: Phase, message: str | None = None, parts: Mapping[str, Progress] | None = None
    ) -> None:
        external = {name: Progress(state=Phase.EXTERNAL) for name in self._plan.external}
        waiting = {each.name: Progress() for each in self._plan.parts}
        running = {name: each.progress for name, each in self._parts.items()}
        now = Status(
            state=phase,
            parts=waiting | external | running if parts is None else parts,
            steps={each.name: Progress() for each in self._plan.steps}
            | {name: each.progress for name, each in self._steps.items()},
            web_url=self._about.web_url,
            airflow_url=self._about.airflow_url,
            username=self._about.username,
            message=message,
            processes=self._about.processes,
        )
        if now != self._written:
            status.write(self._state, now)
            self._written = now
        self._view(now)

    def _end(self, failure: str | None) -> None:
        """Stops everything; a second request to stop makes it impatient."""
        self._publish(Phase.FAILED if failure else Phase.STOPPED, failure)
        parts = self._entries()
        # What a step has started is asked to stop too; the parts' own children are their parts' matter.
        families = {each.pid for each in ledger.family(parts)}
        commands = [each for each in ledger.strays([]) if each.pid not in families]
        asked = self._asked
        stopping.stop(
            [*parts, *commands],
            grace=self._patience.grace,
            forced=lambda: self._asked > max(asked, 1),
        )
        for each in self._parts.values():
            each.collect()
        process.reap()
        ledger.write(self._state, [])
        addresses.release(self._state)
        self._publish(Phase.FAILED if failure else Phase.STOPPED, failure, parts={})
