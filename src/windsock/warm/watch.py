"""Whether a project is still what the warm process was set up from.

Watched are the source files that were loaded, but for those of the Python itself and its installed packages;
which source files lie beside them; the folders of installed packages, in which every installation makes an
entry; and the lock files of the project.
"""

import contextlib
import os
import site
import sys
import sysconfig
import time
from array import array
from collections.abc import Iterable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

LOCKS = ("poetry.lock", "uv.lock", "pylock.toml", "pdm.lock", "Pipfile.lock", "requirements.txt")
#: A look that takes less is taken at each call, seconds of the processor; a usual project's takes half of it.
BRIEF = 0.001
#: A longer one takes at most this part of the time: if it takes 5 ms, a change may stay unseen for 0.5 s.
SHARE = 0.01
_PACKAGES = {sysconfig.get_path(name) for name in ("purelib", "platlib")} | {*site.getsitepackages()}
if site.ENABLE_USER_SITE:
    _PACKAGES.add(site.getusersitepackages())
_LIBRARIES = tuple(
    os.path.join(path, "") for path in {*_PACKAGES, *map(sysconfig.get_path, ("stdlib", "platstdlib"))}
)

_Mark = tuple[Any, ...]


class Watch:
    """Marks of files and folders as they were when they were loaded."""

    def __init__(self, *paths: Path) -> None:
        """Mark what is known before the set-up.

        Args:
            paths: further files, and folders of projects.
        """
        self._files: dict[str, _Mark] = {}
        self._packed: _Packed | None = None
        self._folders: dict[str, tuple[_Mark, frozenset[str]]] = {}
        self._cost = float("inf")  # of the fastest look so far, seconds of the processor
        self._due = 0.0
        for path in map(os.fspath, paths):
            if os.path.isdir(path):
                self._mark_folder(path)
                self._mark_files(os.path.join(path, name) for name in LOCKS)
            else:
                self._mark_files([path])
        self._mark_files(_PACKAGES)
        for module in list(sys.modules.values()):
            self._mark_source(getattr(module, "__file__", None) or "")

    @contextlib.contextmanager
    def noting(self) -> Iterator[None]:
        """Mark each source file that is loaded meanwhile, at the moment before it is read.

        So a file that is edited during the set-up is seen to differ, also one that could not be loaded.
        """
        path_stats = SourceFileLoader.path_stats

        def noted(loader: SourceFileLoader, path: str) -> Any:
            self._mark_source(path)
            return path_stats(loader, path)

        SourceFileLoader.path_stats = noted  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            SourceFileLoader.path_stats = path_stats  # type: ignore[method-assign]

    def change(self) -> str | None:
        """Return the path of something that has changed; ``None`` if nothing did or a look is not due."""
        if time.perf_counter() < self._due:
            return None
        began = time.thread_time()  # on a busy machine a look waits for longer than it takes
        changed = self._changed_file() or next(filter(self._differs, self._folders), None)
        self._cost = min(self._cost, time.thread_time() - began)
        self._due = time.perf_counter() + (self._cost / SHARE if self._cost > BRIEF else 0)
        return changed

    def _changed_file(self) -> str | None:
        if self._packed is None:
            self._packed = _Packed(self._files)
        return self._packed.changed()

    def _mark_source(self, path: str) -> None:
        if path in self._files or not os.path.isabs(path) or path.startswith(_LIBRARIES):
            return
        self._mark_files([path])
        self._mark_folder(os.path.dirname(path))

    def _mark_files(self, paths: Iterable[str]) -> None:
        self._files.update((path, _mark(path)) for path in paths)
        self._packed = None

    def _mark_folder(self, path: str) -> None:
        if path not in self._folders:
            self._folders[path] = _folder_mark(path), _sources(path)

    def _differs(self, path: str) -> bool:
        """Whether another folder lies there, or another set of source files in it."""
        mark, sources = self._folders[path]
        now = _folder_mark(path)
        if now == mark:
            return False
        if now[:2] != mark[:2] or _sources(path) != sources:
            return True
        self._folders[path] = now, sources  # something else in it was made or removed
        return False


class _Packed:
    """The marks of files in three objects, so that a look touches few pages.

    What a process touches after it has forked it has to copy, as to count a reference is to write.
    """

    def __init__(self, files: dict[str, _Mark]) -> None:
        self._paths = "\0".join(files)
        self._times = array("q", (mark[0] if mark else -1 for mark in files.values()))
        self._sizes = array("q", (mark[1] if mark else -1 for mark in files.values()))

    def changed(self) -> str | None:
        """Return the path of a file that is not what it was."""
        look = os.stat  # in a loop of its own, which takes half the time of one that calls _mark
        for path, time_ns, size in zip(self._paths.split("\0"), self._times, self._sizes, strict=False):
            try:
                found = look(path)
            except OSError:
                if size >= 0:
                    return path
                continue
            if found.st_mtime_ns != time_ns or found.st_size != size:
                return path
        return None


def _mark(path: str) -> _Mark:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size


def _folder_mark(path: str) -> _Mark:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _sources(folder: str) -> frozenset[str]:
    with contextlib.suppress(OSError):
        return frozenset(name for name in os.listdir(folder) if name.endswith(".py"))
    return frozenset()
