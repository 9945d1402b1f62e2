"""What is remembered about environments: a folder of this user's alone, below AIRFLOW_HOME or ~/.cache."""

import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from windsock.errors import EnvironmentNotFound, TransportError
from windsock.private import private_folder

_log = logging.getLogger(__name__)


def folder() -> Path:
    """Return the folder, made if need be.

    Raises:
        EnvironmentNotFound: there can be none.
    """
    place = os.environ.get("AIRFLOW_HOME") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.path.expanduser(os.path.expandvars(place))
    try:
        if not os.path.isabs(home):
            raise NotADirectoryError(f"{home} is no absolute path")
        return private_folder(private_folder(Path(home, "windsock")) / "environments")
    except (OSError, TransportError) as error:
        raise EnvironmentNotFound(
            f"There is no place to remember environments: {error}; "
            "set AIRFLOW_HOME or XDG_CACHE_HOME to a folder of this user's."
        ) from error


def read(path: Path) -> dict[str, Any]:
    """Return a JSON object; an empty one if there is none that can be read."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def write(path: Path, document: dict[str, Any]) -> None:
    """Replace a JSON object at once.

    Raises:
        EnvironmentNotFound: it cannot be written.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        try:
            draft.write_text(json.dumps(document))
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentNotFound(f"{path} cannot be written: {error}") from error


@contextlib.contextmanager
def alone(path: Path) -> Iterator[int]:
    """Be the only one on this host who is at it; whoever comes meanwhile waits.

    Args:
        path: of the lock's file.

    Yields:
        The descriptor that holds the lock for as long as it is open, here or in a child.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.info("waiting for another process that is at it (%s)", path)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)
