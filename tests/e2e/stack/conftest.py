"""The whole stack, started once by `windsock up --detach` in a copy of the example."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

ROOT = Path(__file__).parents[3]
WINDSOCK = Path(sys.executable).with_name("windsock")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """A running stack and the ways into it."""

    folder: Path
    status: dict[str, Any]
    airflow_login: tuple[str, str]
    api: httpx.Client  #: with the superuser's token
    airflow: httpx.Client  #: signed in at Airflow

    @property
    def password(self) -> str:
        return Path(self.status["password_file"]).read_text().strip()

    def manage(self, *arguments: str) -> str:
        return windsock(self.folder, "manage", *arguments)

    def shell(self, code: str) -> str:
        return self.manage("shell", "--no-imports", "-c", code).strip()


def windsock(folder: Path, *arguments: str) -> str:
    """Run the command line in ``folder``; its standard output is returned, a failure shows all it said."""
    done = subprocess.run(
        [str(WINDSOCK), *arguments], cwd=folder, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, f"windsock {arguments[0]}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def eventually(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Ask until the answer is truthy; return it."""
    end = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < end, f"not within {seconds} seconds: {condition}"
        time.sleep(0.1)
    return answer


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_example(tmp_path_factory.mktemp("story"))


def copy_of_example(parent: Path) -> Path:
    """Copy the example, with a state of its own and this repository's environments."""
    folder = parent / "example"
    shutil.copytree(
        ROOT / "example", folder, ignore=shutil.ignore_patterns(".windsock", "__pycache__", ".env")
    )
    (folder / "pyproject.toml").write_text(
        "[tool.windsock]\n"
        'project = "."\n'
        f'app-environment = "{ROOT / ".venv"}"\n'
        f'airflow-environment = "{ROOT / ".venv-airflow"}"\n'
    )
    return folder


@pytest.fixture(scope="session")
def stack(project: Path) -> Iterator[Stack]:
    windsock(project, "up", "--detach")
    status = json.loads(windsock(project, "status", "--json"))
    family = descendants(status)
    try:
        assert status["state"] == "ready"
        login = airflow_login(status)
        token = airflow_token(status["airflow_url"], *login)
        with (
            client(status["web_url"], status["token"]) as api,
            client(status["airflow_url"], token) as airflow,
        ):
            yield Stack(folder=project, status=status, airflow_login=login, api=api, airflow=airflow)
    finally:
        family += descendants(status)
        windsock(project, "down")
        assert not [process for process in family if process.is_running()]


def client(url: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=15)


def airflow_login(status: dict[str, Any]) -> tuple[str, str]:
    environment = psutil.Process(status["parts"]["relay"]["pid"]).environ()
    return environment["WINDSOCK_AIRFLOW_USERNAME"], environment["WINDSOCK_AIRFLOW_PASSWORD"]


def airflow_token(url: str, username: str, password: str) -> str:
    login = {"username": username, "password": password}
    answer = httpx.post(f"{url}/auth/token", json=login, timeout=15)
    return str(answer.raise_for_status().json()["access_token"])


def descendants(status: dict[str, Any]) -> list[psutil.Process]:
    parts = [psutil.Process(part["pid"]) for part in status["parts"].values() if part["pid"]]
    return [member for part in parts for member in (part, *part.children(recursive=True))]


@pytest.fixture
def environment_of(stack: Stack) -> Callable[[str], tuple[str, dict[str, str]]]:
    """Return the interpreter and the environment of a running part; its title may hide its command."""

    def look(part: str) -> tuple[str, dict[str, str]]:
        folder = ".venv-airflow" if part.startswith("airflow") else ".venv"
        environment = psutil.Process(stack.status["parts"][part]["pid"]).environ()
        return str(ROOT / folder / "bin/python"), {**environment, "PATH": os.environ["PATH"]}

    return look
