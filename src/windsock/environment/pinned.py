"""A Poetry of Windsock's own, for hosts that have none: installed once, in an environment of its own."""

import os
import shutil
import sys

from windsock.environment import memory, tool

#: Source: https://pypi.org/project/poetry/, the newest release that this version was tested with.
VERSION = "2.5.1"


def poetry() -> list[str]:
    """Return the command that runs the pinned Poetry, installed first where it is not.

    Raises:
        EnvironmentNotFound: it cannot be installed.
    """
    folder = memory.folder() / f"poetry-{VERSION}"
    python, stamp = folder / "bin" / "python", folder / "windsock-installed"
    command = [os.fspath(python), "-m", "poetry"]
    if stamp.is_file() and os.access(python, os.X_OK):
        return command
    with memory.alone(folder.with_name(f"{folder.name}.lock")) as holding:
        if not (stamp.is_file() and os.access(python, os.X_OK)):
            shutil.rmtree(folder, ignore_errors=True)
            tool.run([sys.executable, "-m", "venv", folder], folder.parent, holding=holding)
            # The index is that of this machine's pip.
            pip = [os.fspath(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            tool.run([*pip, f"poetry=={VERSION}"], folder.parent, holding=holding)
            stamp.touch()
    return command
