"""A thousand workflows: many saves at once, and a dag-processor that has nothing to do."""

import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta

import psutil
import pytest
from tests.e2e.faults.conftest import Tell
from tests.e2e.workflows.conftest import MANY
from tests.e2e.workflows.site import Site, hold, note, shard, waited

from windsock.workflow import Retry, Workflow

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

SAVES = 200
WINDOW = 60.0  #: seconds
IDLE = 0.05  #: of one processor
TRIGGERED = 100
STOCK = f'''
"""A stock DAG in our bundle: a hundred tasks that end in the triggerer."""

from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.sdk import DAG

with DAG("stock", schedule=None, is_paused_upon_creation=False, max_active_tasks=200):
    for number in range({TRIGGERED}):
        DateTimeSensorAsync(
            task_id=f"wait_{{number}}",
            target_time="2020-01-01T00:00:00+00:00",
            start_from_trigger=True,
            end_from_trigger=True,
        )
'''


def parsed_since(site: Site, moment: object) -> int:
    ((count,),) = site.airflow("SELECT count(*) FROM dag WHERE last_parsed_time > %s", moment)
    return int(count)


def now(site: Site) -> object:
    return site.airflow("SELECT now()")[0][0]


def test_two_hundred_saves_into_one_shard_during_a_full_parse_all_go_live(large: Site) -> None:
    first = large.name("saved")
    ids = [first, *(large.name("saved", beside=first) for _ in range(9))]
    large.publish(*(Workflow(id=id, steps=(note("only"),)) for id in ids))
    edits = [
        Workflow(id=ids[number % len(ids)], description=f"Edit {number}.", steps=(note("only"),))
        for number in range(SAVES)
    ]
    began = now(large)
    for stub in large.shards.glob("*.py"):
        os.utime(stub)
    waited(lambda: parsed_since(large, began))
    large.save(*edits)
    assert parsed_since(large, began) < MANY, "the parse was over before the last save"

    large.until_live(*ids, seconds=120)
    large.until_known(*ids)
    for number, id in enumerate(ids):
        assert large.details(id)["description"].startswith(f"Edit {SAVES - len(ids) + number}.")
    waited(lambda: parsed_since(large, began) >= MANY + len(ids), seconds=180)
    assert large.airflow("SELECT dag_id FROM dag WHERE is_stale AND dag_id LIKE 'many_%%'") == []
    assert {shard(id) for id in ids} == {shard(first)}


def unread(site: Site) -> list[str]:
    """Return the files that the dag-processor has yet to parse."""
    rows = site.airflow(
        "SELECT relative_fileloc, extract(epoch FROM min(last_parsed_time))::float FROM dag "
        "WHERE NOT is_stale GROUP BY 1"
    )
    folder = site.shards.parent
    return [file for file, parsed in rows if (folder / file).stat().st_mtime > parsed]


def cpu(process: psutil.Process) -> float:
    """Return the seconds of CPU of a process and of the children that it has had."""
    return float(sum(process.cpu_times()[:4]))


@pytest.fixture
def assert_idle(large: Site, tell: Tell) -> Callable[[], None]:
    """Wait until the dag-processor has done what there was to do; then it must not do anything."""

    def check() -> None:
        process = large.part("airflow-dag-processor")
        waited(lambda: unread(large) == [], seconds=180, say=lambda: f"still unread: {unread(large)}")
        moment, since, used = now(large), time.monotonic(), cpu(process)
        waited(lambda: time.monotonic() - since >= WINDOW, seconds=WINDOW + 5)
        share = (cpu(process) - used) / (time.monotonic() - since)
        tell(cpu=share, parsed=parsed_since(large, moment))
        assert share < IDLE
        assert parsed_since(large, moment) == 0

    return check


def test_the_dag_processor_is_idle_when_nothing_changes(large: Site, assert_idle: Callable[[], None]) -> None:
    assert large.airflow("SELECT count(*) >= %s FROM dag WHERE NOT is_stale", MANY) == [(True,)]
    assert_idle()


def test_it_is_idle_after_a_worker_was_killed_in_mid_task(
    large: Site, assert_idle: Callable[[], None]
) -> None:
    id = large.name("killed")
    with large.held() as held:
        steps = (hold("only", held.number, retry=Retry(limit=1, delay=timedelta(seconds=1))),)
        large.publish(Workflow(id=id, steps=steps))
        run = large.start(id)
        step = large.until_begun(run, "only")
        # The executor's worker bears the task instance's id in its title.
        [(instance,)] = large.airflow("SELECT id FROM task_instance WHERE run_id = %s", run.run_id)
        workers = large.part("airflow-scheduler").children()
        (busy,) = [worker for worker in workers if str(instance) in " ".join(worker.cmdline())]
        busy.send_signal(signal.SIGKILL)
        waited(lambda: not psutil.pid_exists(step))
        held.release()
    assert large.until_ended(run, seconds=120) == "DONE", large.say(run)
    assert large.records(run) == [("only", 0, "DONE", 2)]
    assert large.instances(run) == {"only": "success"}
    assert_idle()


def test_it_is_idle_after_a_hundred_tasks_that_ended_in_the_triggerer(
    large: Site, assert_idle: Callable[[], None]
) -> None:
    file = large.shards.parent / "stock.py"
    file.write_text(STOCK)
    try:
        # Files are listed when something was published.
        large.publish(Workflow(id=large.name("beside_stock"), steps=(note("only"),)))
        waited(lambda: large.details("stock"), seconds=60)
        run = large.trigger("stock")
        waited(
            lambda: list(large.instances(run).values()) == ["success"] * TRIGGERED,
            seconds=120,
            say=lambda: large.say(run),
        )
        # No worker had a hand in it: that is what makes Airflow ask for callbacks.
        assert large.airflow("SELECT DISTINCT pid FROM task_instance WHERE dag_id = 'stock'") == [(None,)]
        assert_idle()
    finally:
        file.unlink()
