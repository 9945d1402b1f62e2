"""Whatever a step does, or is done to it: within 30 s both sides say the right thing, and nothing is left."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from tests.e2e.runtime.survival import (
    begun,
    busy_worker,
    ends,
    kill_worker_of,
    log,
    once_more,
    unruly,
    until_bred,
    warm_of,
)
from tests.e2e.workflows.site import Run, Site, hold, waited

from windsock.testing.suite import is_running
from windsock.workflow import Step, Workflow

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def others_are_not_kept_waiting(fragile: Site) -> Iterator[None]:
    """A case that failed gives the executor's worker back that it still holds."""
    yield
    for (pid,) in fragile.django("SELECT pid FROM rules_trace"):
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


def kill_child(site: Site, run: Run) -> None:
    os.kill(until_bred(site, run), signal.SIGKILL)


def kill_warm_process(site: Site, run: Run) -> None:
    warm_of(until_bred(site, run)).kill()


def kill_guard(site: Site, run: Run) -> None:
    guard = warm_of(until_bred(site, run)).parent()
    assert guard is not None
    assert "offspring.py" in " ".join(guard.cmdline())
    guard.kill()


def kill_worker(site: Site, run: Run) -> None:
    until_bred(site, run)
    kill_worker_of(site, run)


def end_worker(site: Site, run: Run) -> None:
    until_bred(site, run)
    busy_worker(site, run).terminate()


def mark_failed(site: Site, run: Run) -> None:
    until_bred(site, run)
    path = f"/api/v2/dags/{run.workflow}/dagRuns/{run.run_id}/taskInstances/only"
    site.stack.airflow.patch(path, json={"new_state": "failed"}).raise_for_status()


KILLS = [
    (kill_child, "killed by SIGKILL"),
    (kill_warm_process, "the warm process went away"),
    (kill_guard, ""),
    (kill_worker, ""),
    (end_worker, "The worker was told to end"),
    (mark_failed, ""),
]


@pytest.mark.parametrize("task", ["breed", "stay_deaf"])
@pytest.mark.parametrize(("kill", "said"), KILLS, ids=[kill.__name__ for kill, _ in KILLS])
def test_a_step_that_is_ended_from_outside_has_failed(
    fragile: Site, task: str, kill: Callable[[Site, Run], None], said: str
) -> None:
    run = begun(fragile, unruly(task, kwargs={"hang": True} if task == "breed" else {}))
    kill(fragile, run)
    assert said in ends(fragile, run, "failed")


@pytest.mark.parametrize("kill", [kill_child, kill_warm_process, kill_worker])
def test_another_try_is_given_where_one_is_left(fragile: Site, kill: Callable[[Site, Run], None]) -> None:
    with fragile.held() as held:
        id = fragile.name("again")
        fragile.publish(Workflow(id=id, steps=(hold("only", held.number, retry=once_more()),)))
        run = fragile.start(id)
        pid = fragile.until_begun(run, "only")
        if kill is kill_worker:
            kill_worker_of(fragile, run)
        else:
            os.kill(pid if kill is kill_child else warm_of(pid).pid, signal.SIGKILL)
        waited(lambda: fragile.until_begun(run, "only") != pid, say=lambda: fragile.say(run))
        held.release()
    ends(fragile, run, "success", attempt=2)


def test_a_time_limit_ends_what_hears_no_request(fragile: Site) -> None:
    run = begun(fragile, unruly("stay_deaf", timeout=timedelta(seconds=3)))
    assert "The time limit of 3 s was reached" in ends(fragile, run, "failed")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (unruly("breed"), "The step succeeded"),
        (unruly("leave_thread"), "The step succeeded"),
        (unruly("shout", kwargs={"megabytes": 100}), "the last line"),
    ],
    ids=["breed", "leave_thread", "shout"],
)
def test_a_step_that_returns_has_succeeded(fragile: Site, step: Step, said: str) -> None:
    assert said in ends(fragile, begun(fragile, step), "success")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (unruly("leave_hard", kwargs={"status": 3}), "ended with exit status 3"),
        (unruly("weigh", kwargs={"megabytes": 50}), "put it into a table or a file and return its key"),
    ],
    ids=["leave_hard", "weigh"],
)
def test_a_step_that_gives_no_outcome_has_failed(fragile: Site, step: Step, said: str) -> None:
    assert said in ends(fragile, begun(fragile, step), "failed")


def test_a_task_that_is_not_registered_any_more_is_refused(fragile: Site) -> None:
    id = fragile.name("vanished")
    fragile.publish(Workflow(id=id, steps=(unruly("vanish"),)))
    source = fragile.stack.folder / "unruly_project" / "unruly" / "tasks.py"
    with edited(source, source.read_text().replace("@task\ndef vanish", "def vanish")):
        run = fragile.start(id)
        assert "unruly.tasks.vanish" in ends(fragile, run, "failed")
    ends(fragile, fragile.start(id), "success")


def test_settings_that_cannot_be_imported_are_shown_and_mended(fragile: Site) -> None:
    id = fragile.name("broken")
    fragile.publish(Workflow(id=id, steps=(unruly("leave_thread", retry=once_more()),)))
    settings = fragile.stack.folder / "unruly_project" / "unruly_settings.py"
    before = set_ups(fragile)
    with edited(settings, settings.read_text() + "\nraise RuntimeError('the settings are broken')\n"):
        run = fragile.start(id)
        said = ends(fragile, run, "failed", attempt=2)
    assert said.count("Task failed: RuntimeError: the settings are broken") == 2
    assert "unruly_settings.py" in said
    assert 1 <= set_ups(fragile) - before <= 2
    ends(fragile, fragile.start(id), "success")


def test_a_full_disk_while_the_end_is_written(fragile: Site) -> None:
    """PostgreSQL refuses a row with this very error when its disk is full."""
    with full_disk(fragile):
        run = begun(fragile, unruly("leave_thread"))
        waited(
            lambda: fragile.instances(run) == {"only": "failed"},
            say=lambda: f"{fragile.say(run)}\n{log(fragile, run)}",
        )
    assert "No space left on device" in ends(fragile, run, "failed")


@contextmanager
def edited(path: Path, text: str) -> Iterator[None]:
    """Replace a file at once, as a deployment does, and put it back in the end."""
    former = path.read_text()
    try:
        replace(path, text)
        yield
    finally:
        replace(path, former)


def replace(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.rename(path)


@contextmanager
def full_disk(site: Site) -> Iterator[None]:
    site.django(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; "
        "END $$"
    )
    site.django(
        "CREATE TRIGGER full_disk BEFORE UPDATE ON windsock_taskrun FOR EACH ROW "
        "WHEN (OLD.status = 'PROCESSING' AND NEW.status <> 'PROCESSING') EXECUTE FUNCTION refuse()"
    )
    try:
        yield
    finally:
        site.django("DROP FUNCTION refuse CASCADE")


def set_ups(site: Site) -> int:
    """How often a set-up of the stack's warm process has failed."""
    logs = (site.stack.folder / ".windsock/airflow/windsock").glob("*.log")
    return sum(len(re.findall("the set-up .* failed", file.read_text())) for file in logs)


def test_no_warm_process_holds_what_is_over(fragile: Site) -> None:
    """Runs last: the owners that retired are gone, and the one that serves has no child."""
    me = str(fragile.stack.folder / ".windsock/airflow/windsock/warm.log")

    def serving() -> list[psutil.Process]:
        found = [each for each in psutil.process_iter(["cmdline"]) if is_running(each.pid)]
        return [each for each in found if {"windsock.warm", me} <= set(each.info["cmdline"] or ())]

    waited(lambda: len(serving()) == 1, say=lambda: str(serving()))
    assert serving()[0].children() == []
