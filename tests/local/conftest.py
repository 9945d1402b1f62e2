"""A project on disk, a state folder, and a way to see which processes are still there."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.local.project_api import FakeProject, serve

from windsock.local.project import Project
from windsock.local.state import State

MANAGE = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short path that root's database account can reach too."""
    folder = Path(tempfile.mkdtemp(prefix="ws-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def project(short: Path) -> Project:
    root = short / "project"
    root.mkdir()
    (root / "manage.py").write_text(MANAGE)
    return Project(
        root=root,
        directory=root,
        settings="shop.settings",
        python=Path(sys.executable),
        state=root / ".windsock",
        airflow_environment=root / ".windsock" / "airflow-env",
    )


@pytest.fixture
def state(project: Project) -> State:
    state = State(project.state)
    state.prepare()
    return state


@pytest.fixture
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's environment names nothing that would replace a part."""
    for name in list(os.environ):
        if name.startswith(("AIRFLOW", "DJANGO_", "WINDSOCK_")) or name in (
            "DATABASE_URL",
            "CELERY_BROKER_URL",
        ):
            monkeypatch.delenv(name)


def running(marker: str) -> list[int]:
    """The processes whose command line holds the marker; zombies do not run."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(marker in word for word in words):
            found.append(process.pid)
    return found


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Waits for the condition, and fails when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def api() -> Iterator[FakeProject]:
    with serve() as fake:
        yield fake
