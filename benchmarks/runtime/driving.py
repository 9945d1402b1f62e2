"""Runs in a running Airflow: one after another, and many at once."""

import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from limits import wait_for
from processes import Spent, between, total
from sites import Site

LATE = 60.0  #: seconds after which a run counts as lost
LOOK = 0.5  #: seconds between two looks at many runs
STARTED = 40.0  #: seconds until a DAG file is read
REST = 20.0  #: seconds for what an Airflow uses with nothing to do
ENDED = ("success", "failed", "upstream_failed", "skipped", "removed")

Figures = dict[str, Any]


def until_known(site: Site, dag: str, seconds: float = STARTED) -> None:
    """Wait until Airflow knows a DAG.

    Raises:
        RuntimeError: it does not come, or its file cannot be read.
    """
    query = f"SELECT 1 FROM dag WHERE dag_id = '{dag}' AND NOT is_stale"
    if not wait_for(lambda: site.servers.ask(site.database, query), seconds, every=LOOK):
        errors = site.servers.ask(site.database, "SELECT stacktrace FROM import_error ORDER BY id DESC")
        why = f": {errors[0][0].strip().splitlines()[-1]}" if errors else ""
        raise RuntimeError(f"Airflow does not know {dag} after {seconds:.0f} s{why}")


def at_rest(site: Site) -> Figures:
    """Return what an Airflow uses and holds with nothing to do."""
    time.sleep(3)
    before, began = site.spent(), time.monotonic()
    time.sleep(REST)
    used, wall = between(before, site.spent()), time.monotonic() - began
    return {"cpu": _cpu(used) / wall, "postgres": used["postgres"].total / wall, "held": site.held()}


def one_by_one(
    site: Site,
    dag: str,
    count: int,
    seconds: float,
    rest: Figures | None = None,
    known_within: float = STARTED,
) -> Figures:
    """Begin runs one after another, each when the one before has ended.

    Args:
        site: the Airflow.
        dag: its DAG, of one task.
        count: of runs; one more warms up.
        seconds: after which no further one is begun.
        rest: what the Airflow uses with nothing to do, which is not counted.
        known_within: seconds until its file is read; thousands of DAGs take longer.

    Returns:
        The seconds of each from "queued" to the end, as Airflow's database has them, and its processor time.
    """
    until_known(site, dag, known_within)
    deadline, walls = time.monotonic() + seconds, []
    pauses = random.Random(7)
    before, began = site.spent(), time.monotonic()
    for number in range(count + 1):
        if number == 1:
            before, began = site.spent(), time.monotonic()
        prefix = site.starter.order("start", dag=dag, count=1)["prefix"]
        ended = wait_for(lambda prefix=prefix: _walls(site, dag, prefix), LATE + seconds, every=0.1)
        if not ended:
            raise RuntimeError(f"a run of {dag} is not over")
        if ended[0][0] != "success":
            raise RuntimeError(f"a run of {dag} is {ended[0][0]}")
        if number:
            walls.append(ended[0][1])
        if time.monotonic() > deadline and walls:
            break
        # So that what follows a run is over, and nothing keeps step with the scheduler.
        time.sleep(pauses.uniform(0.1, 0.4))
    time.sleep(1)
    used, wall = between(before, site.spent()), time.monotonic() - began
    return _per_run(used, wall, len(walls), rest or {}) | {
        "median": statistics.median(walls),
        "most": max(walls),
        "count": len(walls),
    }


def _per_run(used: dict[str, Spent], wall: float, runs: int, rest: Figures) -> Figures:
    """Return the processor seconds of a run: all that was used, and less what is used with nothing to do."""
    cpu, postgres = _cpu(used), used["postgres"].total
    return {
        "gross": cpu / runs,
        "cpu": (cpu - wall * rest.get("cpu", 0)) / runs,
        "postgres": (postgres - wall * rest.get("postgres", 0)) / runs,
        "families": {name: each.total / runs for name, each in used.items()},
    }


def all_at_once(
    site: Site,
    dag: str,
    count: int,
    seconds: float,
    rest: Figures,
    settled: Callable[[], bool] = lambda: True,
) -> Figures:
    """Begin many runs at once; how many end in a minute, and what each costs.

    Args:
        site: the Airflow.
        dag: its DAG, of one task.
        count: of runs.
        seconds: after which those that have not begun are given up; what ended until then counts.
        rest: what the Airflow uses with nothing to do.
        settled: whether what follows the runs elsewhere is over too.
    """
    until_known(site, dag)
    before, held = site.spent(), []
    start = site.starter.order("start", dag=dag, count=count)
    prefix, deadline = start["prefix"], start["began"] + seconds
    while len(_walls(site, dag, prefix)) < count and time.monotonic() < deadline:
        time.sleep(LOOK)
        if len(held) < 3 and time.monotonic() > start["began"] + min(4, seconds / 4) * (1 + len(held)):
            held.append(site.held())
    _give_up(site, dag, prefix)
    wait_for(lambda: not _open(site, dag, prefix), LATE, every=LOOK)
    wait_for(settled, LATE, every=LOOK)
    used, wall = between(before, site.spent()), time.monotonic() - start["began"]
    ended = [each for each in _walls(site, dag, prefix) if each[2] is not None]
    done = [each for each in ended if each[0] == "success"]
    last = max(each[2] for each in ended) - start["at"]
    return _per_run(used, wall, len(done), rest) | {
        "asked": count,
        "ended": len(done),
        "failed": len(ended) - len(done),
        "per_minute": 60 * len(done) / last,
        "wall": wall,
        "held": max(held, key=lambda each: sum(each.values()), default={}),
    }


def _cpu(used: dict[str, Spent]) -> float:
    return total(each for name, each in used.items() if name != "postgres")


def _walls(site: Site, dag: str, prefix: str) -> list[tuple[str, float, float | None]]:
    """Return the ended tasks of runs: state, seconds since "queued", and when they ended.

    A task that begins in the triggerer was never queued: its time begins when it was due.
    """
    return [
        (state, float(wall or 0), None if end is None else float(end))
        for state, wall, end in site.servers.ask(
            site.database,
            "SELECT state, extract(epoch FROM end_date - coalesce(queued_dttm, scheduled_dttm, start_date)), "
            f"extract(epoch FROM end_date) FROM task_instance WHERE dag_id = '{dag}' "
            f"AND starts_with(run_id, '{prefix}') AND state IN {ENDED}",
        )
    ]


def _give_up(site: Site, dag: str, prefix: str) -> None:
    """End the runs whose task has not been handed to a worker."""
    which = f"dag_id = '{dag}' AND starts_with(run_id, '{prefix}')"
    waiting = f"{which} AND (state IS NULL OR state = 'scheduled')"
    site.servers.do(
        site.database,
        f"UPDATE dag_run SET state = 'failed', end_date = now() WHERE {which} "
        "AND state IN ('queued', 'running') "
        f"AND run_id IN (SELECT run_id FROM task_instance WHERE {waiting})",
        f"UPDATE task_instance SET state = 'removed' WHERE {waiting}",
    )


def _open(site: Site, dag: str, prefix: str) -> int:
    found = site.servers.ask(
        site.database,
        f"SELECT count(*) FROM dag_run WHERE dag_id = '{dag}' AND starts_with(run_id, '{prefix}') "
        "AND state IN ('queued', 'running')",
    )
    return int(found[0][0])
