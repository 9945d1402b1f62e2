"""What a single task costs the process that runs it; in an environment of Airflow, on standard input."""

import json
import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from importlib import import_module
from typing import Any

#: What LocalExecutor's workers inherit from the scheduler, or have imported after their first task. Without
#: these an empty task takes four times as long here as there.
#: Source: ``sys.modules`` of a worker of a running Airflow 3.3.2.
INHERITED = (
    "airflow.__main__",
    "airflow.api_fastapi.auth.tokens",
    "airflow.callbacks.database_callback_sink",
    "airflow.cli.cli_parser",
    "airflow.cli.commands.scheduler_command",
    "airflow.dag_processing.bundles.manager",
    "airflow.executors.local_executor",
    "airflow.jobs.scheduler_job_runner",
    "airflow.models.dag_favorite",
    "airflow.models.db_callback_request",
    "airflow.models.errors",
    "airflow.models.renderedtifields",
    "airflow.models.task_state_store",
    "airflow.sdk.bases.operatorlink",
    "airflow.sdk.bases.skipmixin",
    "airflow.sdk.definitions.connection",
    "airflow.sdk.execution_time.supervisor",
    "airflow.utils.serve_logs",
    "alembic",
    "asyncpg",
    "multiprocessing.queues",
    "psycopg2.extras",
)
MOMENT = "2026-01-02T06:00:00Z"
WARM_UP = 2


def main() -> None:
    """Take the order, print what it came to in the last line."""
    order = json.load(sys.stdin)
    for module in (*INHERITED, *order.get("modules", ())):
        import_module(module)
    found: dict[str, Any] = {}
    if order.get("files"):
        found["parse"] = _forked(lambda: _parse(order["files"]))
    if order.get("task"):
        tasks = [order["task"], *order.get("beside", ())]
        found["tasks"], *found["beside"] = _tasks(tasks, order["count"], order["seconds"])
    print(json.dumps(found))


def _parse(files: list[str]) -> dict[str, float]:
    """Read DAG files as the dag-processor's child does, without the serialization that follows."""
    from airflow.dag_processing.dagbag import DagBag

    began, cpu, dags = time.monotonic(), time.process_time(), 0
    for file in files:
        bag = DagBag(dag_folder=file, bundle_path=os.path.dirname(file))
        if bag.import_errors:
            raise RuntimeError(next(iter(bag.import_errors.values())))
        dags += len(bag.dags)
    return {"dags": dags, "cpu": time.process_time() - cpu, "wall": time.monotonic() - began}


def _forked(work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Do something in a child, as Airflow does, so that it leaves nothing behind here."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.write(writing, json.dumps(work()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(pid, 0)
    if not text:
        raise RuntimeError("the child has failed")
    found: dict[str, float] = json.loads(text)
    return found


def _tasks(tasks: list[dict[str, str]], count: int, seconds: float) -> list[dict[str, Any]]:
    """Run tasks in turns, again and again, as a worker does; the time is over when it is over."""
    deadline = time.monotonic() + seconds
    walls: list[list[float]] = [[] for _ in tasks]
    for number in range(WARM_UP + count):
        for task, found in zip(tasks, walls, strict=True):
            wall = _supervise(task, f"manual__bench_{uuid.uuid4()}")
            if number >= WARM_UP:
                found.append(wall)
        if time.monotonic() > deadline and walls[0]:
            break
    return [{"median": statistics.median(each), "most": max(each), "count": len(each)} for each in walls]


def _supervise(task: dict[str, str], run: str) -> float:
    """Run a task once; return the seconds until Airflow was told how it ended.

    Airflow sometimes misses the end of the process after that until its next tick, five seconds later.
    """
    import httpx
    from airflow.sdk.api.client import Client
    from airflow.sdk.api.datamodels._generated import BundleInfo, TaskInstance
    from airflow.sdk.execution_time.supervisor import supervise_task

    states: list[str] = []
    told: list[float] = []
    began = time.monotonic()

    def answer(request: httpx.Request) -> httpx.Response:
        """Answer as Airflow's execution API does."""
        action = request.url.path.rpartition("/")[2]
        if action == "state":
            states.append(json.loads(request.content)["state"])
            told.append(time.monotonic())
        if action == "run":
            return httpx.Response(200, json=_context(task["dag"], run))
        return httpx.Response(201 if request.method == "POST" else 200, json={})

    with Client(base_url="http://api/", token="", transport=httpx.MockTransport(answer)) as client:
        supervise_task(
            ti=TaskInstance(
                id=uuid.uuid4(),
                task_id=task["step"],
                dag_id=task["dag"],
                run_id=run,
                try_number=1,
                dag_version_id=uuid.uuid4(),
                queue=task["queue"],
            ),
            bundle_info=BundleInfo(name=task["bundle"], version=task["version"] or None),
            dag_rel_path=task["file"],
            token="",
            client=client,
            log_path=f"bench/{run}.log",
        )
    if states != ["success"]:
        raise RuntimeError(f"{task['dag']} {task['step']} came to {states}")
    return told[0] - began


def _context(dag: str, run: str) -> dict[str, Any]:
    moments = ("logical_date", "data_interval_start", "data_interval_end", "run_after", "start_date")
    about = dict.fromkeys(moments, MOMENT) | dict.fromkeys(("end_date", "partition_key", "conf"))
    about |= {"dag_id": dag, "run_id": run, "run_type": "manual", "state": "running"}
    return {"dag_run": {**about, "consumed_asset_events": []}, "max_tries": 0, "should_retry": False}


if __name__ == "__main__":
    main()
