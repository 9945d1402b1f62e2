"""Airflow's CeleryExecutor: its workers on one host share the project's warm process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from tests.e2e.runtime.survival import PROJECT, begun, ends, once_more, unruly, until_bred, warm_of
from tests.e2e.stack.running import ROOT, copy_of_example, running, windsock
from tests.e2e.workflows.conftest import IMPATIENT
from tests.e2e.workflows.site import HERE, Run, Site, hold, opened, variables, waited

from windsock.local import broker, environments
from windsock.testing.suite import is_running
from windsock.workflow import Workflow

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]
AIRFLOW = ROOT / ".nox" / "celery-executor"


@dataclass(kw_only=True, slots=True)
class Worker:
    """One of Airflow's workers, with a single process for tasks."""

    name: str
    folder: Path  #: of the stack
    process: psutil.Popen | None = None

    def start(self, variables: Mapping[str, str] | None = None) -> None:
        """Start it with the variables of the stack's scheduler, as soon as that has any, and a few more."""
        words = ("celery", "worker", "--queues", "default,windsock", "--concurrency", "1")
        words += ("--skip-serve-logs", "--celery-hostname", f"{self.name}@host")
        scheduler = waited(lambda: pid_of_scheduler(self.folder), seconds=60)
        with self.file.open("wb") as output:
            self.process = psutil.Popen(
                [AIRFLOW / "bin/python", "-m", "airflow", *words],
                env={**psutil.Process(scheduler).environ(), **(variables or {})},
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        waited(lambda: " ready." in self.said(), seconds=60, say=self.said)

    def ask_to_end(self) -> psutil.Popen:
        """Send SIGTERM to the worker itself, and let its processes alone."""
        assert self.process is not None
        self.process.terminate()
        return self.process

    def hand(self) -> psutil.Process:
        """Return the process that has a task in hand."""
        assert self.process is not None
        (found,) = [each for each in self.process.children() if "supervisor" in " ".join(each.cmdline())]
        return found

    def said(self) -> str:
        return self.file.read_text()

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.log"


def pid_of_scheduler(folder: Path) -> int:
    """Return the process id of a stack's scheduler; 0 while it has none."""
    if not (folder / ".windsock/status.json").exists():
        return 0
    parts = json.loads(windsock(folder, "status", "--json"))["parts"]
    return int(parts.get("airflow-scheduler", {}).get("pid") or 0)


@contextmanager
def working(folder: Path) -> Iterator[tuple[Worker, ...]]:
    """Keep two workers beside a stack that starts in the block, for its own first run needs them."""
    workers = tuple(Worker(name=name, folder=folder) for name in ("first", "second"))
    with ThreadPoolExecutor() as pool:
        starts = [pool.submit(worker.start) for worker in workers]
        try:
            yield workers
        finally:
            wait(starts)
            for worker in workers:
                if worker.process is not None:
                    worker.ask_to_end().wait(30)
            end_warm_process(folder)


def end_warm_process(folder: Path) -> None:
    """End what no part of the stack has started, so that no part ends it."""
    for lock in (folder / ".windsock/airflow/windsock").glob("*.lock"):
        if text := lock.read_text().strip():
            os.kill(int(text), signal.SIGTERM)
            waited(lambda pid=int(text): not is_running(pid))


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """A site whose steps are spread over two of Airflow's workers."""

    site: Site
    workers: tuple[Worker, ...]

    def both(self, lock: int) -> list[Run]:
        """Have each worker begin a step that holds; return the first worker's run first."""
        ids = [self.site.name("spread") for _ in self.workers]
        step = hold("only", lock, retry=once_more())
        self.site.publish(*(Workflow(id=id, steps=(step,)) for id in ids))
        runs = [self.site.start(id) for id in ids]
        for run in runs:
            self.site.until_begun(run, "only")
        return sorted(runs, key=lambda run: self.workers.index(self.holder(run)))

    def holder(self, run: Run) -> Worker:
        """Return the worker that took the run's step."""
        [(instance,)] = self.site.airflow("SELECT id FROM task_instance WHERE run_id = %s", run.run_id)
        (found,) = [worker for worker in self.workers if str(instance) in worker.said()]
        return found


def airflow_with_celery() -> None:
    """Make an environment of Airflow's that has its Celery provider too."""
    python = environments.ensure(AIRFLOW, environments.lock(), AIRFLOW.with_suffix(".log"))
    uv = str(Path(sys.executable).with_name("uv"))
    options = ("--quiet", "--python", str(python), "--no-deps", "--require-hashes")
    lock = str(ROOT / "locks/celery-executor.txt")
    subprocess.run([uv, "pip", "install", *options, "-r", lock], check=True)


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spread]:
    airflow_with_celery()
    parent = tmp_path_factory.mktemp("spread")
    folder = copy_of_example(parent)
    settings = folder / "pyproject.toml"
    settings.write_text(settings.read_text().replace(str(ROOT / ".venv-airflow"), str(AIRFLOW)))
    path = os.pathsep.join(map(str, (PROJECT, HERE / "project")))
    with broker.temporary(parent) as queue, working(folder) as workers:
        given = variables() | IMPATIENT
        given |= {"PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "unruly_settings"}
        given |= {"AIRFLOW__CORE__EXECUTOR": "CeleryExecutor", "AIRFLOW__CELERY__BROKER_URL": queue.url}
        with running(folder, given) as stack, opened(stack) as site:
            yield Spread(site=site, workers=workers)


def test_two_workers_share_one_warm_process(spread: Spread) -> None:
    with spread.site.held() as lock:
        runs = spread.both(lock.number)
        owners = {warm_of(spread.site.until_begun(run, "only")) for run in runs}
        lock.release()
    assert len(owners) == 1
    assert len({spread.holder(run).name for run in runs}) == 2
    for run in runs:
        ends(spread.site, run, "success")


def test_a_killed_worker_loses_its_step_which_is_tried_again(spread: Spread) -> None:
    with spread.site.held() as lock:
        lost, kept = spread.both(lock.number)
        old = spread.site.until_begun(lost, "only")
        spread.workers[0].hand().kill()
        waited(lambda: not is_running(old))
        waited(lambda: spread.site.until_begun(lost, "only") != old, say=lambda: spread.site.say(lost))
        lock.release()
    ends(spread.site, lost, "success", attempt=2)
    ends(spread.site, kept, "success")


def test_a_step_that_is_marked_failed_is_ended(spread: Spread) -> None:
    run = begun(spread.site, unruly("breed", kwargs={"hang": True}))
    until_bred(spread.site, run)
    path = f"/api/v2/dags/{run.workflow}/dagRuns/{run.run_id}/taskInstances/only"
    spread.site.stack.airflow.patch(path, json={"new_state": "failed"}).raise_for_status()
    ends(spread.site, run, "failed")


def test_a_worker_that_is_told_to_end_sees_its_step_to_the_end(spread: Spread) -> None:
    worker = spread.workers[0]
    with spread.site.held() as lock:
        ending, other = spread.both(lock.number)
        step = spread.site.until_begun(ending, "only")
        process = worker.ask_to_end()
        waited(lambda: "Warm shutdown" in worker.said(), say=worker.said)
        assert is_running(step)
        lock.release()
    process.wait(30)
    for run in (ending, other):
        ends(spread.site, run, "success")
    worker.start()
    ends(spread.site, begun(spread.site, unruly("breed")), "success")


def test_an_older_worker_does_not_bring_its_variables_back(spread: Spread) -> None:
    newer, older = spread.workers
    newer.ask_to_end().wait(30)
    newer.start({"SHIFT": "late"})
    with spread.site.held() as lock:
        of_newer, of_older = spread.both(lock.number)
        warm = warm_of(spread.site.until_begun(of_newer, "only"))
        assert warm.environ()["SHIFT"] == "late"
        old = spread.site.until_begun(of_older, "only")
        older.hand().kill()
        waited(
            lambda: spread.site.until_begun(of_older, "only") != old, say=lambda: spread.site.say(of_older)
        )
        assert warm_of(spread.site.until_begun(of_older, "only")) == warm
        lock.release()
    ends(spread.site, of_newer, "success")
    ends(spread.site, of_older, "success", attempt=2)
