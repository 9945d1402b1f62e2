"""What every case of survival looks at: the task instance, the record, the task log, the processes."""

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
from tests.e2e.workflows.site import Run, Site, waited

from windsock.testing.suite import is_running
from windsock.workflow import Retry, Step, Workflow

LIMIT = 30.0  #: seconds until all is as it should be
PROJECT = Path(__file__).parent / "project"
STATES = {"success": "DONE", "failed": "FAILED"}


def unruly(task: str, **fields: Any) -> Step:
    """The one step of a case."""
    return Step(name="only", task=f"unruly.tasks.{task}", **fields)


def once_more() -> Retry:
    return Retry(limit=1, delay=timedelta(seconds=1))


def begun(site: Site, step: Step) -> Run:
    """Publish a workflow of this one step and start it."""
    id = site.name(step.task.rpartition(".")[2])
    site.publish(Workflow(id=id, steps=(step,)))
    return site.start(id)


def ends(site: Site, run: Run, state: str, *, status: str = "", attempt: int = 1) -> str:
    """See both sides to the end that they should come to, and every process gone; return the task log."""
    expected = [("only", 0, status or STATES[state], attempt)]
    began = time.monotonic()

    def left() -> float:
        return max(LIMIT - (time.monotonic() - began), 0.1)

    def say() -> str:
        return f"{site.say(run)}\n{log(site, run)}"

    waited(lambda: site.instances(run) == {"only": state}, seconds=left(), say=say)
    waited(lambda: site.records(run) == expected, seconds=left(), say=say)
    waited(lambda: not [pid for pid in pids(site, run) if is_running(pid)], seconds=left(), say=say)
    return log(site, run)


def pids(site: Site, run: Run) -> list[int]:
    """Every process that the run's steps noted."""
    return [pid for (pid,) in site.django("SELECT pid FROM rules_trace WHERE run_id = %s", run.run_id)]


def until_bred(site: Site, run: Run) -> int:
    """Wait until a step has left its three processes; return its own."""
    waited(lambda: len(pids(site, run)) == 4, say=lambda: f"{site.say(run)}\n{log(site, run)}")
    return site.until_begun(run, "only")


def log(site: Site, run: Run) -> str:
    """What the task log of all tries shows."""
    folder = site.stack.folder / ".windsock/airflow/logs" / f"dag_id={run.workflow}" / f"run_id={run.run_id}"
    lines = [
        line for file in sorted(folder.glob("task_id=only/*.log")) for line in file.read_text().splitlines()
    ]
    entries = [json.loads(line) for line in lines[-200:]]
    return "\n".join(f"{entry['event']} {entry.get('error_detail') or ''}" for entry in entries)


def warm_of(pid: int) -> psutil.Process:
    """The warm process whose child this is."""
    parent = psutil.Process(pid).parent()
    assert parent is not None
    assert "windsock.warm" in parent.cmdline()
    return parent


def kill_worker_of(site: Site, run: Run) -> None:
    """Kill the worker that has a step in hand."""
    worker = busy_worker(site, run)
    worker.kill()
    waited(lambda: not is_running(worker.pid))


def busy_worker(site: Site, run: Run) -> psutil.Process:
    """The executor's worker that has a step of the run in hand."""

    [(instance,)] = site.airflow("SELECT id FROM task_instance WHERE run_id = %s", run.run_id)

    def find() -> psutil.Process | None:
        for child in site.part("airflow-scheduler").children(recursive=True):
            title = " ".join(child.cmdline())
            if "LocalExecutor" in title and str(instance) in title:
                return child
        return None

    found: psutil.Process = waited(find, say=lambda: f"nobody works on {run}")
    return found
