"""What a running task can ask and say."""

from dataclasses import dataclass

from windsock.django import compat
from windsock.django.heartbeat import Pulse
from windsock.django.models import TaskRun


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskContext(compat.TaskContext):
    """The first argument of a task that is declared with ``takes_context=True``."""

    run: TaskRun  #: the record as it was when the attempt began
    pulse: Pulse

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return self.run.attempt

    @property
    def cancelled(self) -> bool:
        """Whether to stop: it was cancelled, its time is over, or another attempt has taken its place."""
        return self.pulse.cancelled

    def progress(self, done: float, total: float = 100) -> None:
        """Say how far the task is; cheap enough for every turn of a loop.

        It is written over a connection of its own, so it is seen while the task's transaction is open and
        stays when that rolls back. Whole per cents go out at most five times a second, the last one always.

        Args:
            done: 0..``total``.
            total: > 0.
        """
        self.pulse.report(max(0, min(100, int(100 * done / total))) if total > 0 else 0)

    async def aprogress(self, done: float, total: float = 100) -> None:
        """Do the same in an async task."""
        self.progress(done, total)

    def relate(self, related_id: object) -> None:
        """Say which row the task is about, once that is known."""
        self.pulse.relate(str(related_id))
