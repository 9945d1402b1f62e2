"""Which Django project the command line works on."""

import os
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from windsock.local.errors import ProjectNotFound

OVERLAY_MODULE = "windsock_local_settings"
_SETTINGS = re.compile(r"""setdefault\(\s*["']DJANGO_SETTINGS_MODULE["']\s*,\s*["']([\w.]+)["']""")


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """A Django project and its two environments.

    Attributes:
        root: The folder of the pyproject.toml that names the project, else of manage.py.
        directory: The folder of manage.py.
        settings: The project's own settings module.
        python: The interpreter of the project.
        state: The folder of everything that `windsock up` keeps.
        airflow_environment: The virtual environment of Airflow; it need not exist yet.
    """

    root: Path
    directory: Path
    settings: str
    python: Path
    state: Path
    airflow_environment: Path


def find(start: Path, environ: Mapping[str, str]) -> Project:
    """The project at ``start`` or in the nearest folder above it.

    A pyproject.toml with ``[tool.windsock]`` names it (`project`, `app-environment`, `airflow-environment`,
    all relative to that file); otherwise the nearest manage.py does. The nearer of the two wins, unless the
    pyproject.toml names that very manage.py.

    Raises:
        ProjectNotFound: There is neither, or the settings module cannot be told.
    """
    folders = (start.resolve(), *start.resolve().parents)
    root, table = next(((each, found) for each in folders if (found := _table(each)) is not None), (None, {}))
    directory = next((each for each in folders if (each / "manage.py").is_file()), None)
    named = (root / str(table.get("project", "."))).resolve() if root else None
    if root is None or (directory and directory != named and directory.is_relative_to(root)):
        root, table, named = directory, {}, directory
    if root is None or named is None or not (named / "manage.py").is_file():
        raise ProjectNotFound(
            f"no manage.py in {named or start} or above it, and no [tool.windsock] names one"
        )
    state = Path(environ.get("WINDSOCK_STATE") or root / ".windsock").absolute()
    app = table.get("app-environment")
    return Project(
        root=root,
        directory=named,
        settings=_settings(named / "manage.py", environ),
        # Not resolved: a virtual environment's python is a link, and the link is what finds its packages.
        python=root / str(app) / "bin" / "python" if app else Path(sys.executable),
        state=state,
        airflow_environment=root / str(table.get("airflow-environment", state / "airflow-env")),
    )


def _table(folder: Path) -> dict[str, object] | None:
    file = folder / "pyproject.toml"
    if not file.is_file():
        return None
    table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("windsock")
    return table if isinstance(table, dict) else None


def _settings(manage: Path, environ: Mapping[str, str]) -> str:
    given = environ.get("DJANGO_SETTINGS_MODULE")
    if given and given != OVERLAY_MODULE:
        return given
    found = _SETTINGS.search(manage.read_text(encoding="utf-8"))
    if not found:
        raise ProjectNotFound(f"{manage} sets no DJANGO_SETTINGS_MODULE; set that variable")
    return found.group(1)


def write_overlay(project: Project) -> Path:
    """Writes the settings module that adds Windsock to the project's own settings; returns its folder."""
    folder = project.state / "settings"
    folder.mkdir(exist_ok=True)
    text = (
        '"""Written by `windsock up`: the project\'s settings, completed for the local stack."""\n\n'
        f"from {project.settings} import *  # noqa: F403\n"
        "from windsock.django.configure import configure\n\n"
        "configure(globals())\n"
    )
    target = folder / f"{OVERLAY_MODULE}.py"
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        unfinished = target.with_suffix(f".{os.getpid()}")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(target)
    return folder
