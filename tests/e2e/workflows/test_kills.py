"""Parts are killed under load; no run and no publish is lost."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from tests.e2e.faults.conftest import Tell
from tests.e2e.workflows.site import Run, Site, note, waited

from windsock.workflow import Retry, Workflow

pytestmark = [pytest.mark.full, pytest.mark.timeout(400)]

WORKFLOWS = 5
TURNS = 10
RETRY = Retry(limit=5, delay=timedelta(seconds=1))


class Load:
    """Definitions are edited and runs asked for, one after the other, as many as are allowed."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.ids = [site.name("loaded") for _ in range(WORKFLOWS)]
        self.runs: list[Run] = []
        self.edits: dict[str, str] = {}
        self.count = self.allowed = 0
        self._allowed = threading.Semaphore(0)
        self._stopping = False
        self._thread = threading.Thread(target=self._work)

    def begin(self) -> None:
        self.site.publish(*(self.plan(id, "Edit 0.") for id in self.ids))
        self._thread.start()

    def plan(self, id: str, description: str) -> Workflow:
        steps = (note("first", retry=RETRY), note("second", "first", retry=RETRY))
        return Workflow(id=id, description=description, max_active_runs=100, steps=steps)

    def _work(self) -> None:
        while self._allowed.acquire() and not self._stopping:
            id = self.ids[self.count % WORKFLOWS]
            self.site.save(self.plan(id, f"Edit {self.count}."))
            self.edits[id] = f"Edit {self.count}."
            self.runs.append(self.site.start(id))
            self.count += 1

    def allow(self, turns: int) -> None:
        """Let it go on for some more turns."""
        self.allowed += turns
        self._allowed.release(turns)

    def until_done(self) -> None:
        """Wait until all that was allowed was asked for."""
        waited(lambda: self.count == self.allowed or not self._thread.is_alive(), seconds=60)
        assert self.count == self.allowed

    def stop(self) -> None:
        self._stopping = True
        self._allowed.release()
        self._thread.join(30)
        assert not self._thread.is_alive()


@contextmanager
def loaded(site: Site) -> Iterator[Load]:
    load = Load(site)
    load.begin()
    try:
        yield load
    finally:
        load.stop()


def executed(site: Site, runs: list[Run]) -> int:
    where = "SELECT count(*) FROM rules_trace WHERE run_id = ANY(%s)"
    return int(site.django(where, [run.run_id for run in runs])[0][0])


@pytest.mark.parametrize(
    ("part", "number"),
    [
        ("airflow-scheduler", signal.SIGTERM),
        ("airflow-dag-processor", signal.SIGKILL),
        ("relay", signal.SIGKILL),
    ],
)
def test_no_run_and_no_publish_is_lost(large: Site, part: str, number: signal.Signals, tell: Tell) -> None:
    with loaded(large) as load:
        load.allow(TURNS)
        waited(lambda: executed(large, load.runs) >= 1, seconds=60)
        former = large.part(part)
        load.allow(TURNS)
        os.kill(former.pid, number)
        waited(lambda: large.status()["parts"][part]["pid"] not in (None, former.pid), seconds=60)
        load.until_done()
        waited(lambda: large.status()["state"] == "ready", seconds=150)
        load.allow(TURNS // 2)
        load.until_done()

    for run in load.runs:
        assert large.until_ended(run, seconds=120) == "DONE", large.say(run)
    large.until_live(*load.ids, seconds=60)
    large.until_known(*load.ids, seconds=60)
    for id, description in load.edits.items():
        assert large.details(id)["description"].startswith(description)
    there = large.airflow("SELECT run_id, state FROM dag_run WHERE dag_id = ANY(%s)", load.ids)
    assert sorted(there) == sorted((run.run_id, "success") for run in load.runs)
    for run in load.runs:
        assert [record[:3] for record in large.records(run)] == [("first", 0, "DONE"), ("second", 0, "DONE")]
        assert large.instances(run) == {"first": "success", "second": "success"}
    tell(runs=len(load.runs), edits=load.count, executions=executed(large, load.runs))
