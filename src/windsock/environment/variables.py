"""The environment variables of a project's process that another program starts."""

import os
from collections.abc import Mapping
from pathlib import Path

# They point at the caller's own environment, or were set by a tool that runs in it.
_OF_THE_CALLER = frozenset(
    {
        "VIRTUAL_ENV",
        "VIRTUAL_ENV_PROMPT",
        "PYTHONHOME",
        "__PYVENV_LAUNCHER__",
        "CONDA_PREFIX",
        "POETRY_ACTIVE",
    }
)


def child_variables(
    extra: Mapping[str, str] | None = None, *, python: str | os.PathLike[str] | None = None
) -> dict[str, str]:
    """Return this process's variables without Airflow's own, complete for a child.

    Airflow's hold its connections, its database's password and the address of the task's supervisor.

    Args:
        extra: what the child gets besides; it wins, and may name what else is left out.
        python: the child's interpreter: its folder comes first on PATH and its environment is the active one.
    """
    kept = {name: value for name, value in os.environ.items() if not _is_the_callers(name)}
    if python is not None:
        folder = Path(python).parent
        kept["PATH"] = os.pathsep.join(filter(None, [os.fspath(folder), kept.get("PATH", os.defpath)]))
        if (folder.parent / "pyvenv.cfg").is_file():
            kept["VIRTUAL_ENV"] = os.fspath(folder.parent)
    return kept | dict(extra or {})


def _is_the_callers(name: str) -> bool:
    return name in _OF_THE_CALLER or name.lstrip("_").startswith("AIRFLOW")
