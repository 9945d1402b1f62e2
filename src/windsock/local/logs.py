"""The parts' log files: bounded, and read from where one left off."""

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

# Bytes.
LARGEST = 10_000_000
_CHUNK = 65_536


def bound(folder: Path) -> None:
    """Moves every log above ten megabytes aside, in place of the one moved before.

    Parts append to their files, so a file can be emptied while it is written.
    """
    for log in folder.glob("*.log"):
        if log.stat().st_size > LARGEST:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            log.with_suffix(".log.1").chmod(0o600)
            os.truncate(log, 0)


def tail(log: Path, lines: int) -> list[str]:
    """The last lines of a log; none if there is no log."""
    with contextlib.suppress(FileNotFoundError), log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _CHUNK))
        return file.read().decode(errors="replace").splitlines()[-lines:]
    return []


class Follower:
    """Reads whole lines as they come from some logs."""

    def __init__(self, logs: Iterable[Path], *, from_end: bool = False) -> None:
        self._positions = {log: _size(log) if from_end else 0 for log in logs}

    def lines(self) -> list[tuple[str, str]]:
        """The new lines since the last call, each with the name of its part."""
        return [(log.stem, line) for log in self._positions for line in self._new(log)]

    def _new(self, log: Path) -> list[str]:
        size = _size(log)
        if size < self._positions[log]:
            self._positions[log] = 0
        if size == self._positions[log]:
            return []
        with log.open("rb") as file:
            file.seek(self._positions[log])
            data = file.read(_CHUNK)
        # An unfinished line waits for its end, unless it alone fills the whole chunk.
        whole = data.rfind(b"\n") + 1 or (_CHUNK if len(data) == _CHUNK else 0)
        self._positions[log] += whole
        return data[:whole].decode(errors="replace").splitlines()


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0
