"""The Django project in its environments: a plain one, uv's and Poetry's."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE / "project"
UV = str(Path(sys.executable).with_name("uv"))
POETRY = "poetry==2.5.1"
PYPROJECT = """\
[project]
name = "shop"
version = "1"
requires-python = ">=3.11,<4"
dependencies = [{dependencies}]

[tool.poetry]
package-mode = false
"""
SOURCE = """
[[tool.poetry.source]]
name = "index"
url = "{url}"
priority = "primary"
"""


@dataclass(frozen=True, slots=True)
class Projects:
    """Copies of the project, each with its own environment, below one folder."""

    folder: Path

    def variables(self) -> dict[str, str]:
        """Return what a process needs that is to find the copies, Poetry, and the project's modules."""
        return {
            "BENCH_PROJECTS": str(self.folder),
            "PATH": os.pathsep.join([str(_poetry().parent), str(Path(UV).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(self.folder / "plain"),
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "POETRY_CACHE_DIR": str(self.folder / "poetry-cache"),
            "POETRY_NO_INTERACTION": "1",
            "UV_PYTHON_DOWNLOADS": "never",
        }

    def python(self, name: str) -> Path:
        """Return the interpreter of a copy's environment."""
        return self.folder / name / ".venv" / "bin" / "python"


def lay(folder: Path) -> Projects:
    """Copy the project; ``make`` gives the copies their environments."""
    projects = Projects(folder)
    for name in ("plain", "venv", "uv", "poetry", "published"):
        shutil.copytree(PROJECT, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return projects


def copy_for_windsock(folder: Path, environment: Path, airflow: Path) -> Path:
    """Copy the project as `windsock up` takes it."""
    copy = folder / "shop"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "pyproject.toml").write_text(
        "[tool.windsock]\n"
        'project = "."\n'
        f'app-environment = "{environment}"\n'
        f'airflow-environment = "{airflow}"\n'
    )
    return copy


def make_venv(projects: Projects) -> None:
    """Make the plain environment from the lock."""
    locked = projects.folder / "project.txt"
    locked.write_text((HERE / "peers.txt").read_text().partition("\n")[2])
    environment = projects.folder / "venv" / ".venv"
    _run(projects, "venv", UV, "venv", "--quiet", "--python", sys.executable, str(environment))
    sync = (UV, "pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", str(locked))
    _run(projects, "venv", *sync, more={"VIRTUAL_ENV": str(environment)})


def make_uv(projects: Projects) -> None:
    """Make uv's environment; its lock is made on the way."""
    _write(projects, "uv")
    _run(projects, "uv", UV, "sync", "--quiet", "--compile-bytecode", "--python", sys.executable)


def make_poetry(projects: Projects) -> None:
    """Make Poetry's environment and lock; the per-run way begins with the same lock and no environment."""
    if not _poetry().exists():
        tool = _poetry().parents[1]
        _run(projects, "poetry", UV, "venv", "--quiet", "--clear", "--python", sys.executable, str(tool))
        install = (UV, "pip", "install", "--quiet", "--compile-bytecode", POETRY)
        _run(projects, "poetry", *install, more={"VIRTUAL_ENV": str(tool)})
    _write(projects, "poetry", SOURCE.format(url=_index()))
    _run(projects, "poetry", str(_poetry()), "lock")
    for name in ("pyproject.toml", "poetry.lock"):
        shutil.copyfile(projects.folder / "poetry" / name, projects.folder / "published" / name)
    _run(projects, "poetry", str(_poetry()), "install", "--compile")


def _write(projects: Projects, name: str, more: str = "") -> None:
    """Write a pyproject.toml with the very versions of the plain environment."""
    wanted = {"django": "", "djangorestframework": "", "psycopg": "[binary]"}
    locked = dict(
        line.split(";")[0].rstrip(" \\").split("==")
        for line in reversed((projects.folder / "project.txt").read_text().splitlines())
        if "==" in line
    )
    dependencies = ", ".join(f'"{each}{extra}=={locked[each]}"' for each, extra in wanted.items())
    text = PYPROJECT.format(dependencies=dependencies) + more
    (projects.folder / name / "pyproject.toml").write_text(text)


def _index() -> str:
    """Return the index that pip takes packages from where this runs."""
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True
    )
    if url := os.environ.get("PIP_INDEX_URL") or asked.stdout.strip():
        return url
    default = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    asked = subprocess.run([sys.executable, "-c", default], capture_output=True, text=True, check=True)
    return asked.stdout.strip()


def _poetry() -> Path:
    return HERE / ".poetry" / "bin" / "poetry"


def _run(projects: Projects, name: str, *command: str, more: Mapping[str, str] | None = None) -> None:
    kept = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    environ = kept | {"POETRY_VIRTUALENVS_CREATE": "true"} | projects.variables() | dict(more or {})
    environ.pop("PYTHONPATH")
    done = subprocess.run(
        command, cwd=projects.folder / name, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = " ".join(command[:3])
        raise RuntimeError(f"{words} ended with code {done.returncode}: {done.stdout}{done.stderr}"[-1500:])
