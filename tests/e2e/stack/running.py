"""A stack that `windsock up --detach` starts in a copy of the example, and the ways into it."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

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
    variables: Mapping[str, str] = field(default_factory=dict)  #: with which it was started

    @property
    def password(self) -> str:
        return Path(self.status["password_file"]).read_text().strip()

    def manage(self, *arguments: str) -> str:
        return windsock(self.folder, "manage", *arguments, variables=self.variables)

    def shell(self, code: str) -> str:
        return self.manage("shell", "--no-imports", "-c", code).strip()


def windsock(folder: Path, *arguments: str, variables: Mapping[str, str] | None = None) -> str:
    """Run the command line in ``folder``; its standard output is returned, a failure shows all it said."""
    done = subprocess.run(
        [str(WINDSOCK), *arguments],
        cwd=folder,
        env={**os.environ, **(variables or {})},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
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


@contextmanager
def running(project: Path, variables: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Keep a stack while the block lasts; no process of it is left afterwards."""
    variables = variables or {}
    try:
        windsock(project, "up", "--detach", variables=variables)
    except BaseException:
        windsock(project, "down")
        raise
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
            yield Stack(
                folder=project,
                status=status,
                airflow_login=login,
                api=api,
                airflow=airflow,
                variables=variables,
            )
    finally:
        family += descendants(json.loads(windsock(project, "status", "--json")))
        windsock(project, "down")
        assert not [process for process in family if process.is_running()]
        forget_data(project)


def forget_data(project: Path) -> None:
    """Remove the data of a stack that had to keep it elsewhere; its logs stay where they are."""
    data = Path(json.loads((project / ".windsock/addresses.json").read_text())["database_folder"]).parent
    if not data.is_relative_to(project):
        shutil.rmtree(data)


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
