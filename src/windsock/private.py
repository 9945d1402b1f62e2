"""Folders that nobody but this user can enter."""

import contextlib
import os
import stat
from pathlib import Path

from windsock.errors import TransportError


def private_folder(path: Path) -> Path:
    """Make ``path`` a folder of this user's with mode 0700, and return it.

    Raises:
        TransportError: it is a link, no folder, or somebody else's.
    """
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700, parents=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise TransportError(f"{path} is not a folder of this user's; remove it or choose another place")
    if stat.S_IMODE(found.st_mode) != 0o700:
        path.chmod(0o700)
    return path
