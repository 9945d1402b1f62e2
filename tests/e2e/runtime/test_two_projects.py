"""Two projects on one Airflow, whose dependencies exclude each other."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from tests.e2e.stack.running import ROOT, Stack, eventually, running

from windsock.local import ports
from windsock.local.postgres import temporary

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]
PROJECT = Path(__file__).parent / "two"
KEY = "the key of the second project"
BUNDLE = "windsock.airflow.bundle.WindsockDagBundle"
COORDINATOR = "windsock.airflow.coordinator.DjangoCoordinator"
SENTINELS = ("windsock_sentinel", "windsock_sentinel.blog")


def wheel(folder: Path, version: str, colours: str) -> Path:
    """Make a wheel of one version of the package ``palette``."""
    path = folder / f"palette-{version}-py3-none-any.whl"
    metadata = f"palette-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("palette.py", f"VERSION = {version!r}\n\n\ndef mix():\n    return {colours!r}\n")
        archive.writestr(
            f"{metadata}/METADATA", f"Metadata-Version: 2.1\nName: palette\nVersion: {version}\n"
        )
        archive.writestr(
            f"{metadata}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{metadata}/RECORD", "")
    return path


def environment(folder: Path, package: Path) -> Path:
    """Make an environment with one version of the package, and what both projects need."""
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    shared = next((ROOT / ".venv").glob("lib/python*/site-packages"))
    (packages / "shared.pth").write_text(f"import site; site.addsitedir({str(shared)!r})\n")
    with zipfile.ZipFile(package) as archive:
        archive.extractall(packages)
    return folder


def project(folder: Path) -> Path:
    """Make a project of the same code."""
    subprocess.run(["cp", "-r", PROJECT, folder], check=True)
    (folder / "pyproject.toml").write_text(
        '[tool.windsock]\nproject = "."\n'
        f'app-environment = "{ROOT / ".venv"}"\nairflow-environment = "{ROOT / ".venv-airflow"}"\n'
    )
    return folder


def airflow_variables(folder: Path, blog: Mapping[str, str], port: int) -> dict[str, str]:
    """What Airflow is told of both: a bundle, a queue and a coordinator each."""
    bundles = [
        {"name": "windsock", "classpath": BUNDLE, "kwargs": {"refresh_interval": 30}},
        {"name": "blog", "classpath": BUNDLE, "kwargs": {"refresh_interval": 30, "section": "windsock_blog"}},
    ]
    coordinators = {
        name: {
            "classpath": COORDINATOR,
            "kwargs": {
                "directory": str(folder / name),
                "environment": {"venv": str(folder / f"{name}-env")},
                "settings": "windsock_local_settings",
                "variables": variables,
            },
        }
        for name, variables in (("shop", {}), ("blog", dict(blog)))
    }
    return {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        "AIRFLOW__SDK__COORDINATORS": json.dumps(coordinators),
        "AIRFLOW__SDK__QUEUE_TO_COORDINATOR": json.dumps({name: name for name in coordinators}),
        "AIRFLOW__WINDSOCK__DIRECTORY": str(folder / "shop"),
        "AIRFLOW__WINDSOCK__ENVIRONMENT": json.dumps({"venv": str(folder / "shop-env")}),
        "AIRFLOW__WINDSOCK__SETTINGS": "windsock_local_settings",
        "AIRFLOW__WINDSOCK_BLOG__URL": f"http://127.0.0.1:{port}/windsock/feed/",
        "AIRFLOW__WINDSOCK_BLOG__FEED_KEY": KEY,
    }


@contextmanager
def served(folder: Path, variables: Mapping[str, str], port: int) -> Iterator[None]:
    """Keep the second project's web server and relay."""
    commands = (
        ("-m", "uvicorn", "windsock.django.asgi:application", "--port", str(port), "--lifespan", "off"),
        ("-m", "django", "windsock_relay"),
    )
    processes = [
        subprocess.Popen([sys.executable, *command], cwd=folder, env=dict(variables)) for command in commands
    ]
    try:
        eventually(lambda: is_up(port), 30)
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)


def is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/windsock/health/").status_code == 200
    except httpx.TransportError:
        return False


def rows(url: str, step: str) -> list[tuple[Any, ...]]:
    """Return the ends of the executions of a step."""
    with psycopg.connect(url, autocommit=True) as connection:
        statement = "SELECT status, result FROM windsock_taskrun WHERE step = %s ORDER BY id"
        return connection.execute(statement, (step,)).fetchall()


def last_is_done(url: str, step: str) -> bool:
    found = rows(url, step)
    assert not found or found[-1][0] in ("PENDING", "PROCESSING", "DONE"), found
    return bool(found) and found[-1][0] == "DONE"


@dataclass(frozen=True, slots=True)
class Both:
    """Two projects on one Airflow."""

    stack: Stack
    shop: str  #: address of its database
    blog: str
    manage_blog: Callable[..., str]

    def bundle_of(self, dag: str) -> str:
        """Return the bundle from which Airflow schedules a DAG; empty if it schedules none."""
        answer = self.stack.airflow.get(f"/api/v2/dags/{dag}/details")
        if answer.status_code != 200 or answer.json()["is_stale"]:
            return ""
        return str(answer.json()["bundle_name"])

    def start_shop(self, *, together: bool) -> str:
        """Begin a run of the first project; return its run id in Airflow."""
        answer = self.stack.api.post(
            "/api/workflows/shop_paint/run/", json={"params": {"together": together}}
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["run_id"])


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder, port = tmp_path_factory.mktemp("both"), ports.free(8400)
    for name, version, colours in (("shop", "1.0", "two"), ("blog", "2.0", "many")):
        environment(folder / f"{name}-env", wheel(folder, version, colours))
        project(folder / name)
    with temporary(folder) as server:
        server.create_database("blog")
        blog = {"PAINT_NAMES": "blog shop", "DATABASE_URL": server.url("blog")}
        blog |= {"WINDSOCK_QUEUE": "blog", "WINDSOCK_BUNDLE": "blog"}
        given = {"PAINT_FOLDER": str(folder), "PAINT_NAMES": "shop blog", "WINDSOCK_QUEUE": "shop"}
        with running(folder / "shop", given | airflow_variables(folder, blog, port)) as stack:
            relay = psutil.Process(stack.status["parts"]["relay"]["pid"]).environ()
            variables = {**relay, **blog, "WINDSOCK_FEED_KEY": KEY, "PATH": os.environ["PATH"]}
            variables["WINDSOCK_BASE_URL"] = f"http://127.0.0.1:{port}"

            def manage(*command: str) -> str:
                return subprocess.run(
                    [sys.executable, "-m", "django", *command],
                    cwd=folder / "blog",
                    env=variables,
                    check=True,
                    stdout=subprocess.PIPE,
                    text=True,
                ).stdout

            manage("migrate", "--verbosity", "0")
            manage("workflows", "publish")
            with served(folder / "blog", variables, port):
                found = Both(stack, relay["DATABASE_URL"], server.url("blog"), manage)
                for dag in ("shop_paint", "blog_paint"):
                    eventually(lambda dag=dag: found.bundle_of(dag))
                yield found


def test_two_projects_run_side_by_side_each_with_its_own_version(both: Both) -> None:
    both.start_shop(together=True)
    both.manage_blog("workflows", "run", "blog_paint", "--param", "together=true")
    for url in (both.blog, both.shop):
        eventually(lambda url=url: last_is_done(url, "mix"))

    assert rows(both.shop, "mix")[-1][1] == {"version": "1.0", "colours": "two"}
    assert rows(both.blog, "mix")[-1][1] == {"version": "2.0", "colours": "many"}


def test_each_project_has_a_bundle_of_its_own(both: Both) -> None:
    expected = {"shop_paint": "windsock", "blog_paint": "blog"}
    expected |= {SENTINELS[0]: "windsock", SENTINELS[1]: "blog"}
    assert {dag: both.bundle_of(dag) for dag in expected} == expected


def test_a_step_that_no_coordinator_takes_runs_in_a_task_process_of_airflows(both: Both) -> None:
    before = len(rows(both.shop, "plain"))
    run_id = both.start_shop(together=False)
    eventually(lambda: len(rows(both.shop, "plain")) > before and last_is_done(both.shop, "plain"))

    assert rows(both.shop, "plain")[-1][1] == ["1.0", "1.0"]
    path = f"/api/v2/dags/shop_paint/dagRuns/{run_id}/taskInstances/plain"
    eventually(lambda: both.stack.airflow.get(path).json()["state"] == "success")
    log = both.stack.airflow.get(f"{path}/logs/1", params={"full_content": "true"}).text
    assert "No coordinator takes tasks of the queue" in log
    assert "told in the shop" in log
