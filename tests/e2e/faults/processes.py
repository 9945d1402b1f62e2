"""A process that is watched and ended from outside."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(kw_only=True, slots=True)
class Process:
    """A process of the example."""

    popen: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it alone."""
        self.popen.send_signal(number)

    def send_all(self, number: signal.Signals) -> None:
        """Send a signal to it and what it forked."""
        os.killpg(self.pid, number)

    def stop(self) -> None:
        """Kill it and what it forked: nothing that they would still do is wanted."""
        with suppress(ProcessLookupError):
            self.send_all(signal.SIGKILL)
        self.popen.wait(timeout=20)


def waited(condition: Callable[[], Any], *, seconds: float = 30, say: Callable[[], str] = str) -> Any:
    """Return what ``condition`` comes to once it is true."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, say() or "it did not come true in time"
        time.sleep(0.02)
    return result
