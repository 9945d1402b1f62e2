"""Projects with a lock: their environment is looked up, or installed, once for each content of the lock.

The interpreter is remembered together with a digest of the project's files. A digest costs a millisecond, so
it is only taken anew when a file's times have changed. What is installed is stamped inside the environment:
the stamp goes when that goes.
"""

import contextlib
import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from windsock.environment import memory
from windsock.environment.interpreter import Venv
from windsock.errors import EnvironmentNotFound

#: A file that changes twice within a tick of the clock keeps its time, nanoseconds.
_TICK = 50_000_000


class Keeper(Protocol):
    """The tool that keeps a project's environment."""

    def find(self) -> Path:
        """Return the environment's folder.

        Raises:
            EnvironmentNotFound: there is none yet, or the tool is missing.
        """
        ...

    def install(self, holding: int) -> None:
        """Make or refresh the environment as the lock says; ``holding`` is the descriptor of ours.

        Raises:
            EnvironmentNotFound: that failed, or the tool is missing.
        """
        ...


@dataclass(frozen=True, slots=True)
class LockedProject:
    """A project's folder, and what its environment depends on."""

    folder: Path  #: absolute, without links
    files: tuple[str, ...]  #: names in the folder; they need not all exist
    settings: tuple[str, ...] = ()  #: what else chooses the environment

    @classmethod
    def at(cls, path: str | os.PathLike[str], lock: str, command: str) -> "LockedProject":
        """Return the project in a folder.

        Args:
            path: of the folder.
            lock: name of the lock's file.
            command: what writes it.

        Raises:
            EnvironmentNotFound: there is no project, or no lock.
        """
        # Followed, for a link such as "current" may lead to another project tomorrow.
        folder = Path(os.path.realpath(os.path.expanduser(path)))
        if not os.access(folder / "pyproject.toml", os.R_OK):
            raise EnvironmentNotFound(
                f"There is no pyproject.toml in {folder} that this user can read; "
                "give the folder of the project that has it."
            )
        if not os.access(folder / lock, os.R_OK):
            raise EnvironmentNotFound(f"There is no {lock} in {folder}; run `{command}` there and commit it.")
        return cls(folder, (lock, "pyproject.toml"))

    def seen(self) -> list[Any]:
        """Return what changes whenever a file or a setting may have changed."""
        return [*map(self._times, self.files), *self.settings]

    def digest(self) -> str:
        """Return a digest of the files' content and the settings."""
        content = hashlib.sha256(json.dumps(self.settings).encode())
        for name in self.files:
            content.update(f"\0{name}\0".encode())
            with contextlib.suppress(FileNotFoundError):
                content.update((self.folder / name).read_bytes())
        return content.hexdigest()

    def _times(self, name: str) -> list[int]:
        try:
            found = (self.folder / name).stat()
        except FileNotFoundError:
            return []
        return [found.st_ctime_ns, found.st_size, found.st_ino]


def resolve(project: LockedProject, keeper: Keeper, *, install: bool) -> Path:
    """Return the interpreter of a project's environment.

    Args:
        project: the project.
        keeper: asked only if the answer is not known, or no longer true.
        install: have the environment installed first, unless it is as the lock says.

    Raises:
        EnvironmentNotFound: there is no environment, or installing failed.
    """
    begun = time.time()
    name = hashlib.sha256(os.fsencode(project.folder)).hexdigest()[:16]
    path = memory.folder() / f"{name}.json"
    python = _known(project, path, install=install)
    if python is not None:
        return python
    with memory.alone(path.with_suffix(".lock")) as holding:
        # Whoever was first knows it now, or failed for all that waited.
        python = _known(project, path, install=install)
        if python is not None:
            return python
        _raise_shared(project, path, begun, install=install)
        try:
            return _ask(project, keeper, path, holding if install else None)
        except EnvironmentNotFound as error:
            failure = {"at": time.time(), "digest": project.digest(), "install": install}
            with contextlib.suppress(EnvironmentNotFound):
                memory.write(path, {"failure": failure | {"message": str(error)}})
            raise


def _ask(project: LockedProject, keeper: Keeper, path: Path, holding: int | None) -> Path:
    _forget(path)
    seen, digest = project.seen(), project.digest()
    if holding is not None:
        keeper.install(holding)
    python = Venv(keeper.find()).python()
    if holding is not None:
        memory.write(_stamp(python), {"digest": digest})
    _remember(path, {"seen": seen, "digest": digest, "python": os.fspath(python)})
    return python


def _raise_shared(project: LockedProject, path: Path, begun: float, *, install: bool) -> None:
    """Fail as the one did for whom this caller waited; the next call tries again."""
    failure = memory.read(path).get("failure")
    if not failure or failure["at"] < begun or install > failure["install"]:
        return
    if failure["digest"] == project.digest():
        raise EnvironmentNotFound(failure["message"])


def _forget(path: Path) -> None:
    """Leave nothing that a later try could take for the truth, should this one be cut short."""
    python = memory.read(path).get("python")
    if python:
        with contextlib.suppress(OSError):
            _stamp(Path(python)).unlink()
    path.unlink(missing_ok=True)


def _stamp(python: Path) -> Path:
    return python.parents[1] / "windsock-installed"


def _known(project: LockedProject, path: Path, *, install: bool) -> Path | None:
    record = memory.read(path)
    seen = project.seen()
    if "python" not in record or (record.get("seen") != seen and not _still(project, path, record, seen)):
        return None
    python = Path(record["python"])
    if install and memory.read(_stamp(python)).get("digest") != record["digest"]:
        return None
    return python if os.access(python, os.X_OK) else None


def _still(project: LockedProject, path: Path, record: dict[str, Any], seen: list[Any]) -> bool:
    """Tell whether the content is the same although a file was touched; take note of it."""
    if record["digest"] != project.digest():
        return False
    _remember(path, record | {"seen": seen})
    return True


def _remember(path: Path, record: dict[str, Any]) -> None:
    latest = max((times[0] for times in record["seen"] if isinstance(times, list) and times), default=0)
    settled = time.time_ns() - latest > _TICK
    memory.write(path, record if settled else record | {"seen": None})
