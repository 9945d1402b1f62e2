"""A stub of Airflow's execution API, and a step that is run as an executor's worker runs it."""

import json
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from airflow.sdk.api.client import Client
from airflow.sdk.api.datamodels._generated import BundleInfo, TaskInstance
from airflow.sdk.execution_time.coordinator import reset_coordinator_manager
from airflow.sdk.execution_time.supervisor import supervise_task

from windsock.airflow import plan
from windsock.airflow.coordinator import DjangoCoordinator
from windsock.testing import a_step, a_workflow
from windsock.testing.suite import is_running, wait_until
from windsock.warm import place
from windsock.workflow import Param, Retry, Workflow

PROJECT = Path(__file__).parent / "project"
BOOM = Retry(limit=3, delay=timedelta(seconds=10), backoff=True)


def shop() -> Workflow:
    """The published document: a step per behaviour."""
    names = ("value", "nothing", "numbers", "give_up", "skip", "kill_self", "hang", "hang_deaf")
    names += ("talk", "talk_and_wait", "flood", "flood_lines", "confide", "say_and_die")
    limit = timedelta(seconds=1.5)
    return a_workflow(
        *(a_step(name) for name in names),
        a_step("boom", retry=BOOM, uses=("numbers",)),
        a_step("hang_limited", timeout=limit),
        params={"shop": Param(default=1), "mood": Param(default="good")},
    )


@dataclass
class Api:
    """Answers like Airflow's execution API, and keeps what it was told."""

    should_retry: bool = False
    xcoms: dict[str, Any] = field(default_factory=dict)
    states: list[dict[str, Any]] = field(default_factory=list)
    pushed: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    on_heartbeat: Callable[[], int] = lambda: 204
    lose: int = 0  # so many answers to a change of state are lost
    claims: int = 0
    conf: dict[str, Any] | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        action = request.url.path.rpartition("/")[2]
        if "/xcoms/" in request.url.path:
            return self._xcom(request)
        if action == "run":
            self.claims += 1
            return httpx.Response(200, json=self._context())
        if action == "heartbeat":
            status = self.on_heartbeat()
            return httpx.Response(
                status, json={"detail": {"reason": "not_running"}} if status > 300 else None
            )
        if action == "state":
            self.states.append(json.loads(request.content))
            if self.lose:
                self.lose -= 1
                raise httpx.ReadError("the answer was lost")
        return httpx.Response(200, json={})

    def _xcom(self, request: httpx.Request) -> httpx.Response:
        step = request.url.path.split("/")[-2]
        if request.method == "POST":
            self.pushed.append((step, dict(request.url.params), json.loads(request.content)))
            return httpx.Response(201, json={})
        return httpx.Response(200, json={"key": "return_value", "value": self.xcoms.get(step)})

    def _context(self) -> dict[str, Any]:
        moment = "2026-01-02T06:00:00Z"
        run = dict.fromkeys(("start_date", "end_date", "partition_key"))
        run |= dict.fromkeys(
            ("logical_date", "data_interval_start", "data_interval_end", "run_after"), moment
        )
        run |= {"dag_id": "shop_daily", "run_id": "r1", "run_type": "manual", "state": "running"}
        run |= {"conf": self.conf, "consumed_asset_events": []}
        return {"dag_run": run, "max_tries": 3, "should_retry": self.should_retry}


@dataclass
class Bench:
    """Runs one step with everything real but Airflow's API and the bundle."""

    folder: Path
    home: Path
    api: Api = field(default_factory=Api)

    def supervise(self, step: str, *, attempt: int = 1) -> int:
        self.ti = TaskInstance(
            id=uuid.uuid4(),
            task_id=step,
            dag_id="shop_daily",
            run_id="r1",
            try_number=attempt,
            dag_version_id=uuid.uuid4(),
            queue="windsock",
        )
        with Client(base_url="http://api/", token="", transport=httpx.MockTransport(self.api)) as client:
            return supervise_task(
                ti=self.ti,
                bundle_info=BundleInfo(name="windsock", version="7"),
                dag_rel_path="shards/00.py",
                token="secret-token",
                client=client,
                log_path=f"{self.ti.id}.log",
            )

    def fork(self, step: str) -> int:
        """Supervise in a process of its own, as an executor's worker does; return its id."""
        pid = os.fork()
        if pid == 0:
            try:
                os._exit(self.supervise(step) & 0xFF)
            finally:
                os._exit(99)
        return pid

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_file().read_text().splitlines()]

    def log_file(self) -> Path:
        return self.home / "logs" / f"{self.ti.id}.log"

    def events(self, logger: str) -> list[str]:
        """The texts that the task log shows of one logger."""
        return [line["event"] for line in self.log() if line.get("logger") == logger]

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]

    def lost(self) -> dict[str, Any] | None:
        path = self.folder / "lost"
        return json.loads(path.read_text()) if path.exists() else None

    def hangs(self) -> bool:
        return (self.folder / "pids").exists()

    def pids(self) -> list[int]:
        """The step's process and its grandchild."""
        return [int(pid) for pid in (self.folder / "pids").read_text().split()]

    def assert_gone(self) -> None:
        for pid in self.pids():
            wait_until(lambda pid=pid: not is_running(pid))

    def warm(self) -> int:
        return place.owner(self.coordinator().warm_process().path) or 0

    def coordinator(self) -> DjangoCoordinator:
        return DjangoCoordinator(**self.kwargs())

    def kwargs(self) -> dict[str, Any]:
        return {
            "python": sys.executable,
            "directory": str(PROJECT),
            # Tells the warm process of one test from another's.
            "settings": f"settings_of_{self.folder.name}",
            "steps": "stepping",
        }


@pytest.fixture
def bench(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with benched(airflow_home, monkeypatch) as bench:
        yield bench


@contextmanager
def benched(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Have the queue's coordinator configured, and a warm process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder=Path(folder), home=airflow_home)
        entry = {"classpath": "windsock.airflow.coordinator.DjangoCoordinator", "kwargs": bench.kwargs()}
        monkeypatch.setenv("AIRFLOW__SDK__COORDINATORS", json.dumps({"windsock": entry}))
        monkeypatch.setenv("AIRFLOW__SDK__QUEUE_TO_COORDINATOR", '{"windsock": "windsock"}')
        monkeypatch.setenv("STEPPING_FOLDER", folder)
        monkeypatch.setattr(plan, "published", lambda bundle, workflow, revision: (7, shop()))
        reset_coordinator_manager()
        yield bench
        reset_coordinator_manager()
        if is_running(owner := bench.warm()):
            os.kill(owner, signal.SIGTERM)
            wait_until(lambda: not is_running(owner))
