"""A Django project in its own interpreter, and tasks that are run as an executor's worker runs them."""

import gc
import json
import uuid
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from airflow.sdk.api.client import Client
from airflow.sdk.api.datamodels._generated import BundleInfo, TaskInstance
from airflow.sdk.execution_time.supervisor import supervise_task

from windsock.environment import Interpreter
from windsock.testing import Recording

ROOT = Path(__file__).parents[3]
PROJECT = Path(__file__).parent / "project"


@pytest.fixture
def shop() -> dict[str, Any]:
    """What an operator is told of the project."""
    return {
        "environment": Interpreter(ROOT / ".venv/bin/python"),
        "settings": "shop.settings",
        "directory": PROJECT,
    }


@pytest.fixture
def recording() -> Recording:
    """A transport that answers with what it was asked."""
    return Recording({f"windsock.django.calls.{name}": _echo for name in ("call", "call_source", "manage")})


def _echo(**kwargs: Any) -> dict[str, Any]:
    return kwargs


@dataclass
class Api:
    """Answers like Airflow's execution API, and keeps what it was told."""

    should_retry: bool = False
    on_heartbeat: Callable[[], int] = lambda: 204
    states: list[dict[str, Any]] = field(default_factory=list)
    pushed: dict[str, Any] = field(default_factory=dict)  # by task
    rendered: dict[str, Any] = field(default_factory=dict)
    connections: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        *_, before, last = request.url.path.split("/")
        if before == "connections":
            found = self.connections.get(last)
            return httpx.Response(200, json=found) if found else httpx.Response(404, json={"detail": {}})
        if "/xcoms/" in request.url.path:
            return self._xcom(request, task=before)
        if last == "run":
            return httpx.Response(200, json=self._context())
        if last == "rtif":
            self.rendered = json.loads(request.content)
        if last == "heartbeat":
            status = self.on_heartbeat()
            detail = {"detail": {"reason": "not_running"}} if status > 300 else None
            return httpx.Response(status, json=detail)
        if last == "state":
            self.states.append(json.loads(request.content))
        return httpx.Response(200, json={})

    def _xcom(self, request: httpx.Request, task: str) -> httpx.Response:
        if request.method == "POST":
            self.pushed[task] = json.loads(request.content)
            return httpx.Response(201, json={})
        return httpx.Response(200, json={"key": "return_value", "value": self.pushed.get(task)})

    def _context(self) -> dict[str, Any]:
        moment = "2026-01-02T06:00:00Z"
        run = dict.fromkeys(("start_date", "end_date", "partition_key", "conf"))
        run |= dict.fromkeys(
            ("logical_date", "data_interval_start", "data_interval_end", "run_after"), moment
        )
        run |= {"dag_id": "shop", "run_id": "r1", "run_type": "manual", "state": "running"}
        return {
            "dag_run": run | {"consumed_asset_events": []},
            "max_tries": 3,
            "should_retry": self.should_retry,
        }


@dataclass
class Worker:
    """Runs one task of a DAG file with everything real but Airflow's API."""

    folder: Path
    home: Path
    api: Api = field(default_factory=Api)

    def write(self, tasks: str) -> None:
        """Write the DAG file: ``tasks`` inside a DAG, with the project at hand as ``**SHOP``."""
        shop = f"environment=Interpreter({str(ROOT / '.venv/bin/python')!r}), settings='shop.settings'"
        lines = [
            "from datetime import timedelta",
            "from airflow.sdk import DAG, task",
            "from windsock.airflow.operators import *",
            "from windsock.environment import *",
            f"SHOP = dict({shop}, directory={str(PROJECT)!r})",
            "with DAG('shop', schedule=None):",
            *(f"    {line}" for line in tasks.splitlines()),
        ]
        (self.folder / "shop.py").write_text("\n".join(lines) + "\n")

    def supervise(self, task: str, dag: str = "shop") -> int:
        self.ti = TaskInstance(
            id=uuid.uuid4(),
            task_id=task,
            dag_id=dag,
            run_id="r1",
            try_number=1,
            dag_version_id=uuid.uuid4(),
            queue="default",
        )
        transport = httpx.MockTransport(self.api)
        with (
            warnings.catch_warnings(),
            Client(base_url="http://api/", token="", transport=transport) as client,
        ):
            # Airflow's supervisor leaves its sockets to the garbage collector.
            warnings.simplefilter("ignore", ResourceWarning)
            status = supervise_task(
                ti=self.ti,
                bundle_info=BundleInfo(name="dags", version=None),
                dag_rel_path="shop.py",
                token="secret-token",
                client=client,
                log_path=f"{self.ti.id}.log",
            )
            gc.collect()
        return status

    def log(self) -> list[dict[str, Any]]:
        path = self.home / "logs" / f"{self.ti.id}.log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def state(self) -> str:
        """The last state that Airflow was told."""
        return str(self.api.states[-1]["state"])


@pytest.fixture
def worker(tmp_path: Path, airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    folder = tmp_path / "dags"
    folder.mkdir()
    bundle = {
        "name": "dags",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder)},
    }
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    return Worker(folder=folder, home=airflow_home)
