"""What a step writes and logs, taken on its way out: sensitive values are masked, the last part is kept.

It is taken where Python writes text: ``sys.stdout``, ``sys.stderr`` and the log. What other programs that a
task starts write, and what goes to a descriptor directly, reaches Airflow's task log alone.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TextIO

from windsock.call import Outcome
from windsock.django.models import TaskRun
from windsock.django.sensitive import scrubber, secrets
from windsock.django.storable import clean_text
from windsock.tail import Tail
from windsock.warm.logs import Line, channels


class Output:
    """The output of one attempt."""

    def __init__(self, run: TaskRun) -> None:
        self._tail = Tail()
        self._scrub = scrubber(run)

    def text(self) -> str:
        """Return the last part as the record keeps it."""
        return bounded(self._tail.text())

    def masked(self, outcome: Outcome) -> Outcome:
        """Return the outcome as Airflow may show it."""
        failure = outcome.failure
        if failure is not None:
            message, traceback = self._scrub(failure.message), self._scrub(failure.traceback)
            return replace(outcome, failure=replace(failure, message=message, traceback=traceback))
        return replace(outcome, message=self._scrub(outcome.message)) if outcome.message else outcome

    def line(self, line: Line) -> Line:
        """Take in a line of the log, and return it as it may be shown."""
        event = self._scrub(line["event"])
        self._tail.line(f"{line['level'].upper()} {line['logger']}: {event}")
        return line | {"event": event}

    def through(self, write: Callable[[str], Any]) -> Callable[[str], int]:
        """Return what takes the place of a stream's ``write``."""

        def written(text: str) -> int:
            shown = self._scrub(text)
            write(shown)
            self._tail.write(shown)
            return len(text)

        return written


@contextmanager
def captured(run: TaskRun) -> Iterator[Output]:
    """Take what this process writes and logs while the block lasts, for the attempt that ``run`` holds."""
    output = Output(run)
    # Airflow masks them too, in what does not come by here.
    for channel in channels[:1] if run.sensitive else ():
        channel.write({"level": "mask", "values": secrets(run)})
    before = [channel.through for channel in channels]
    streams = [stream for stream in dict.fromkeys((sys.stdout, sys.stderr)) if stream is not None]
    for stream in streams:
        _replace(stream, output.through(stream.write))
    for channel in channels:
        channel.through = output.line
    try:
        yield output
    finally:
        for channel, through in zip(channels, before, strict=True):
            channel.through = through
        for stream in streams:
            with suppress(AttributeError):
                del stream.write


def bounded(text: str) -> str:
    """Return the last part of ``text`` that a record keeps."""
    tail = Tail()
    tail.write(clean_text(text))
    return tail.text()


def _replace(stream: TextIO, write: Callable[[str], int]) -> None:
    """Replace a stream's method, not the stream: handlers and libraries hold on to the object."""
    with suppress(AttributeError):
        stream.write = write  # type: ignore[method-assign]
