"""One part while it runs: started, watched until ready, started again when it ends too early."""

import subprocess
import threading
import time

from windsock.local import ledger
from windsock.local.errors import LocalError, PartFailed
from windsock.local.ledger import Entry
from windsock.local.logs import tail
from windsock.local.parts import Part, Step
from windsock.local.process import spawn
from windsock.local.state import State
from windsock.local.status import Phase, Progress

# Seconds before each new start; after the last one the part has failed.
BACK_OFF = (0.2, 1.0, 2.0, 4.0)
# A part that ran this long, in seconds, starts to count anew.
_STEADY = 60.0
_PROBE_EVERY = 0.1


class RunningStep:
    """A step in its own thread, which outlives the step's processes."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self._since = time.time()
        self._ended: float | None = None
        self._error: Exception | None = None
        threading.Thread(target=self._run, name=step.name, daemon=True).start()

    def _run(self) -> None:
        try:
            self.step.run()
        except Exception as error:
            self._error = error
        self._ended = time.time()

    def check(self) -> bool:
        """Whether it has ended well.

        Raises:
            LocalError: It has failed.
        """
        if self._error:
            raise LocalError(f"{self.step.name}: {self._error}") from self._error
        return self._ended is not None

    @property
    def progress(self) -> Progress:
        """How far it is."""
        state = Phase.STARTING if self._ended is None else Phase.FAILED if self._error else Phase.READY
        return Progress(state=state, since=self._since, seconds=self._ended and self._ended - self._since)


class RunningPart:
    """A part's present process; made and checked in the main thread only, see `process.spawn`."""

    def __init__(self, part: Part, state: State, back_off: tuple[float, ...] = BACK_OFF) -> None:
        self.part = part
        self.entry: Entry | None = None
        self._state = state
        self._back_off = back_off
        self._failures = 0
        self._next_start = 0.0
        self._start()

    def _start(self) -> None:
        command = self.part.command()
        with self._state.log(self.part.name).open("ab") as output:
            self._process = spawn(command, output)
        self._since = time.time()
        self._ready_at: float | None = None
        self.entry = ledger.entry(
            self.part.name, self._process.pid, command.stop_signal, stops_last=self.part.stops_last
        )
        mine = self._process
        threading.Thread(target=self._probe, args=(mine,), name=self.part.name, daemon=True).start()

    def _probe(self, mine: "subprocess.Popen[bytes]") -> None:
        while self._process is mine and mine.returncode is None:
            if self.part.ready(self._since):
                self._ready_at = time.time()
                return
            time.sleep(_PROBE_EVERY)

    def check(self) -> bool:
        """Whether it is ready; starts it again when it has ended and its pause is over.

        Raises:
            PartFailed: It has ended too often.
        """
        if self._process.poll() is None:
            return self._ready_at is not None
        if self.entry is not None:
            self._count_failure()
        elif time.time() >= self._next_start:
            self._start()
        return False

    def _count_failure(self) -> None:
        self.entry = None
        if time.time() - self._since > _STEADY:
            self._failures = 0
        if self._failures == len(self._back_off):
            last = "\n".join(tail(self._state.log(self.part.name), 25))
            code = self._process.returncode
            raise PartFailed(f"{self.part.name} ended again and again, lastly with code {code}:\n{last}")
        self._next_start = time.time() + self._back_off[self._failures]
        self._failures += 1
        self._ready_at = None

    def collect(self) -> None:
        """Collects its ended process, so that no zombie outlives the supervisor."""
        self._process.poll()

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return Progress(
            state=Phase.READY if self._ready_at else Phase.STARTING,
            pid=self.entry.pid if self.entry else None,
            since=self._since,
            seconds=self._ready_at and self._ready_at - self._since,
        )
