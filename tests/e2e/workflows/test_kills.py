"""Parts are killed under load; no run and no publish is lost."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psutil
import pytest
from tests.e2e.faults.conftest import Tell
from tests.e2e.workflows.site import Run, Site, hold, note, waited

from windsock.workflow import Retry, Workflow

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

WORKFLOWS = 5
TURNS = 10
RUSH = 12
AWAY = 20.0  #: seconds; by Airflow's default a step waits 15 at most
ONCE, RETRY = Retry(), Retry(limit=5, delay=timedelta(seconds=1))


class Load:
    """Definitions are edited and runs asked for, one after the other, as many as are allowed.

    A run waits for the newest definition, so the runs that are under way come from one that nobody edits.
    """

    def __init__(self, site: Site, retry: Retry) -> None:
        self.site = site
        self.retry = retry
        self.ids = [site.name("loaded") for _ in range(WORKFLOWS)]
        self.steady, self.resting = site.name("steady"), site.name("resting")
        self.runs: list[Run] = []
        self.edits: dict[str, str] = {}
        self.count = self.allowed = 0
        self._allowed = threading.Semaphore(0)
        self._stopping = False
        self._thread = threading.Thread(target=self._work)

    def begin(self, lock: int) -> None:
        resting = (hold("first", lock, retry=self.retry), note("second", "first", retry=self.retry))
        self.site.publish(
            *(self.plan(id, "Edit 0.") for id in (*self.ids, self.steady)),
            Workflow(id=self.resting, steps=resting),
        )
        self._thread.start()

    def plan(self, id: str, description: str) -> Workflow:
        steps = (note("first", retry=self.retry), note("second", "first", retry=self.retry))
        return Workflow(id=id, description=description, max_active_runs=100, steps=steps)

    def _work(self) -> None:
        while self._allowed.acquire() and not self._stopping:
            id = self.ids[self.count % WORKFLOWS]
            self.site.save(self.plan(id, f"Edit {self.count}."))
            self.edits[id] = f"Edit {self.count}."
            self.runs.append(self.site.start(id))
            self.count += 1

    def rest(self) -> None:
        """Begin a run that stays in its first step until the lock is given back."""
        run = self.site.start(self.resting)
        self.runs.append(run)
        self.site.until_begun(run, "first")

    def rush(self) -> None:
        """Return while some steps of many runs are done and others are not."""
        runs = [self.site.start(self.steady) for _ in range(RUSH)]
        self.runs.extend(runs)
        waited(lambda: executed(self.site, runs), seconds=60)
        assert executed(self.site, runs) < 2 * RUSH

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
def loaded(site: Site, retry: Retry, lock: int) -> Iterator[Load]:
    load = Load(site, retry)
    load.begin(lock)
    try:
        yield load
    finally:
        load.stop()


@contextmanager
def nobody_starts(part: psutil.Process, *, seconds: float) -> Iterator[None]:
    """Let a part that is killed here stay away for a while."""
    supervisor = part.parent()
    assert supervisor is not None
    supervisor.suspend()
    try:
        until = time.monotonic() + seconds
        yield
        waited(lambda: time.monotonic() >= until, seconds=seconds + 5)
    finally:
        supervisor.resume()


def executed(site: Site, runs: list[Run]) -> int:
    where = "SELECT count(*) FROM rules_trace WHERE run_id = ANY(%s)"
    return int(site.django(where, [run.run_id for run in runs])[0][0])


@pytest.mark.parametrize(
    ("part", "number", "retry", "away"),
    [
        # Its workers end with it, and their steps.
        ("airflow-scheduler", signal.SIGTERM, RETRY, 0),
        ("airflow-dag-processor", signal.SIGKILL, ONCE, 0),
        # Steps begin and end with its help, so they wait for it.
        ("airflow-api", signal.SIGTERM, ONCE, 0),
        ("airflow-api", signal.SIGKILL, ONCE, AWAY),
        ("relay", signal.SIGKILL, ONCE, 0),
    ],
)
def test_no_run_and_no_publish_is_lost(
    large: Site, part: str, number: signal.Signals, retry: Retry, away: float, tell: Tell
) -> None:
    with large.held() as held, loaded(large, retry, held.number) as load:
        former = large.part(part)
        load.rest()
        load.allow(2 * TURNS)
        load.rush()
        with nobody_starts(former, seconds=away):
            os.kill(former.pid, number)
            held.release()
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
    ids = [*load.ids, load.steady, load.resting]
    there = large.airflow("SELECT run_id, state FROM dag_run WHERE dag_id = ANY(%s)", ids)
    assert sorted(there) == sorted((run.run_id, "success") for run in load.runs)
    for run in load.runs:
        assert [record[:3] for record in large.records(run)] == [("first", 0, "DONE"), ("second", 0, "DONE")]
        assert large.instances(run) == {"first": "success", "second": "success"}
    if retry == ONCE:
        assert executed(large, load.runs) == 2 * len(load.runs)
    tell(runs=len(load.runs), edits=load.count, executions=executed(large, load.runs))
