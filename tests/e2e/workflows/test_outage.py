"""Django is away for a while: nothing is forgotten on either side."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from tests.e2e.faults.conftest import Tell
from tests.e2e.workflows.site import Run, Site, note, waited

from windsock.workflow import Retry, Schedule, Step, Workflow

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

PARTS = ("web", "worker", "relay")
RUNS = 200
OUTAGE = 60.0  #: seconds


@contextmanager
def django_away(site: Site, *, with_database: bool) -> Iterator[None]:
    """Kill the project's processes, and stop its database if wanted; nobody starts them until the end."""
    parts = [site.part(name) for name in PARTS]
    supervisor = parts[0].parent()
    assert supervisor is not None
    supervisor.suspend()
    try:
        for part in parts:
            os.killpg(part.pid, signal.SIGKILL)
        if with_database:
            assert site.postgres is not None
            site.postgres.stop()
        yield
    finally:
        if with_database and site.postgres is not None:
            site.postgres.start()
        supervisor.resume()
        waited(lambda: is_ready(site, {part.pid for part in parts}), seconds=60)


def is_ready(site: Site, former: set[int]) -> bool:
    status = site.status()
    pids = {status["parts"][name]["pid"] for name in PARTS}
    return status["state"] == "ready" and not pids & former


def test_every_state_arrives_once_after_a_minute_in_which_many_runs_ended(large: Site, tell: Tell) -> None:
    good, bad = large.name("good"), large.name("bad")
    failing = (Step(name="first", task="rules.tasks.fail"), note("second", "first"))
    large.publish(
        Workflow(id=good, max_active_runs=50, steps=(note("first"), note("second", "first"))),
        Workflow(id=bad, max_active_runs=50, steps=failing),
    )
    began = time.monotonic()
    with django_away(large, with_database=False):
        runs = [large.trigger(bad if number % 4 == 0 else good) for number in range(RUNS)]
        waited(lambda: ended_there(large, [good, bad]) == RUNS, seconds=180)
        waited(lambda: time.monotonic() - began >= OUTAGE, seconds=OUTAGE)
        assert (
            large.django(
                "SELECT 1 FROM windsock_workflowrun WHERE finished_at IS NOT NULL AND run_id = ANY(%s)",
                [run.run_id for run in runs],
            )
            == []
        )
    back = time.monotonic()
    waited(lambda: ended_here(large, runs) == RUNS, seconds=120, say=lambda: str(ended_here(large, runs)))
    tell(outage=back - began, caught_up_after=time.monotonic() - back)

    states = {"success": "DONE", "failed": "FAILED"}
    there = large.airflow("SELECT dag_id, run_id, state FROM dag_run WHERE dag_id = ANY(%s)", [good, bad])
    here = large.django(
        "SELECT workflow_id, run_id, status FROM windsock_workflowrun WHERE workflow_id = ANY(%s)",
        [good, bad],
    )
    assert len(there) == len(here) == RUNS
    assert {(dag, run, states[state]) for dag, run, state in there} == set(here)
    assert_steps_are_the_same(large, [good, bad])


def ended_there(site: Site, workflows: list[str]) -> int:
    where = "SELECT count(*) FROM dag_run WHERE dag_id = ANY(%s) AND state IN ('success', 'failed')"
    return int(site.airflow(where, workflows)[0][0])


def ended_here(site: Site, runs: list[Run]) -> int:
    where = (
        "SELECT count(*) FROM windsock_workflowrun WHERE run_id = ANY(%s) AND status IN ('DONE', 'FAILED')"
    )
    return int(site.django(where, [run.run_id for run in runs])[0][0])


def assert_steps_are_the_same(site: Site, workflows: list[str]) -> None:
    """Each task instance has one record, in the state that is its own; each step was executed once."""
    states = {"success": "DONE", "failed": "FAILED", "upstream_failed": "SKIPPED"}
    there = site.airflow(
        "SELECT run_id, task_id, state, try_number FROM task_instance WHERE dag_id = ANY(%s)", workflows
    )
    here = site.django(
        "SELECT r.run_id, s.step, s.status, s.attempt FROM windsock_taskrun s "
        "JOIN windsock_workflowrun r ON r.id = s.workflow_run_id WHERE r.workflow_id = ANY(%s)",
        workflows,
    )
    assert sorted(here) == sorted((run, task, states[state], number) for run, task, state, number in there)
    executed = site.django(
        "SELECT run_id, step, attempt FROM rules_trace WHERE workflow = ANY(%s)", workflows
    )
    assert sorted(executed) == sorted(
        (run, task, number) for run, task, state, number in there if state != "upstream_failed"
    )


def test_without_django_every_dag_stays_and_what_was_due_is_done_later(large: Site, tell: Tell) -> None:
    id = large.name("ticking")
    step = note("only", retry=Retry(limit=100, delay=timedelta(seconds=1)))
    every = Schedule(every=timedelta(seconds=4), start=datetime.now(UTC))
    large.publish(Workflow(id=id, schedule=every, steps=(step,)))
    [(dags,)] = large.airflow("SELECT count(*) FROM dag WHERE NOT is_stale")
    due = "SELECT run_id FROM dag_run WHERE dag_id = %s AND run_type = 'scheduled' AND created_at > %s"
    with django_away(large, with_database=True):
        [(away,)] = large.airflow("SELECT now()")
        for stub in large.shards.glob("*.py"):
            os.utime(stub)
        parsed = "SELECT count(*) FROM dag WHERE last_parsed_time > %s AND NOT is_stale"
        # All files are read anew, though neither Django nor its database is there.
        waited(lambda: large.airflow(parsed, away) == [(dags,)], seconds=90)
        waited(lambda: len(large.airflow(due, id, away)) >= 3, seconds=60)
        waited(
            lambda: large.airflow(
                "SELECT 1 FROM task_instance WHERE dag_id = %s AND state = 'up_for_retry'", id
            ),
            seconds=60,
        )
        runs = [Run(id="", workflow=id, run_id=run_id) for (run_id,) in large.airflow(due, id, away)]
        assert large.airflow("SELECT count(*) FROM dag WHERE NOT is_stale") == [(dags,)]
    large.call("delete", ids=[id])

    for run in runs:
        assert large.until_ended(run, seconds=90) == "DONE", large.say(run)
        assert large.instances(run) == {"only": "success"}
        assert [record[:3] for record in large.records(run)] == [("only", 0, "DONE")]
    origins = large.django("SELECT DISTINCT origin FROM windsock_workflowrun WHERE workflow_id = %s", id)
    assert origins == [("schedule",)]
    tell(scheduled_while_away=len(runs))
