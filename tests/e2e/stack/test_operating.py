"""What operators do, on the running stack: over the project's REST, and in Airflow itself."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest
from tests.e2e.faults.processes import waited
from tests.e2e.stack.running import Stack
from tests.e2e.workflows.site import Run, Site, hold, note, opened

from windsock.workflow import Schedule, Step, Workflow

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def site(stack: Stack) -> Iterator[Site]:
    with opened(stack) as site:
        yield site


def post(site: Site, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = site.stack.api.post(f"/api/{path}/", json=body or {})
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def workflow_of(site: Site, id: str) -> dict[str, Any]:
    found: dict[str, Any] = site.stack.api.get(f"/api/workflows/{id}/").raise_for_status().json()
    return found


def is_paused_there(site: Site, id: str) -> bool:
    return bool(site.details(id)["is_paused"])


def latest(site: Site, run: Run) -> dict[str, str]:
    """The status of the newest record of each step."""
    return {step: status for step, _, status, _ in site.records(run)}


def test_a_pause_freezes_what_is_active_and_both_sides_know_of_it(site: Site) -> None:
    id = site.name("operated_paused")
    with site.held() as held:
        site.publish(Workflow(id=id, steps=(hold("first", held.number), note("second", "first"))))
        run = site.start(id)
        site.until_begun(run, "first")
        assert post(site, f"workflows/{id}/pause")["is_paused"]
        waited(lambda: is_paused_there(site, id))
        held.release()
        waited(lambda: site.instances(run)["first"] == "success", say=lambda: site.say(run))
    assert site.stack.api.post(f"/api/workflows/{id}/run/", json={}).status_code == 409
    assert latest(site, run) == {"first": "DONE"}

    answer = site.stack.airflow.patch(f"/api/v2/dags/{id}", json={"is_paused": False})
    assert answer.status_code == 200, answer.text
    waited(lambda: not workflow_of(site, id)["is_paused"])
    assert site.until_ended(run) == "DONE", site.say(run)

    site.stack.airflow.patch(f"/api/v2/dags/{id}", json={"is_paused": True})
    waited(lambda: workflow_of(site, id)["is_paused"])
    post(site, f"workflows/{id}/unpause")
    waited(lambda: not is_paused_there(site, id))


def test_a_cancelled_run_ends_with_its_process_and_goes_on_when_it_is_retried(site: Site) -> None:
    id = site.name("operated_cancelled")
    with site.held() as held:
        held_step = hold("first", held.number, after=("before",))
        steps = (note("before"), held_step, note("second", "first"))
        site.publish(Workflow(id=id, steps=steps))
        run = site.start(id)
        process = psutil.Process(site.until_begun(run, "first"))
        assert post(site, f"runs/{run.id}/cancel")["cancel_requested_at"]
        assert site.until_ended(run) == "CANCELLED", site.say(run)
        assert latest(site, run) == {"before": "DONE", "first": "CANCELLED", "second": "CANCELLED"}
        waited(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    dag_run = site.dag_run(run)
    assert dag_run is not None
    assert dag_run[0] == "failed"

    post(site, f"runs/{run.id}/retry")
    assert site.until_ended(run, generation=1) == "DONE", site.say(run)
    assert latest(site, run) == {"before": "DONE", "first": "DONE", "second": "DONE"}
    assert ("before", 1, "DONE", 2) not in site.records(run)


def test_a_cancelled_run_keeps_its_teardown_steps(site: Site) -> None:
    id = site.name("operated_torn_down")
    with site.held() as held:
        steps = (hold("first", held.number), note("clean", "first", teardown=True))
        site.publish(Workflow(id=id, steps=steps))
        run = site.start(id)
        site.until_begun(run, "first")
        post(site, f"runs/{run.id}/cancel")
        assert site.until_ended(run) == "CANCELLED", site.say(run)

    assert latest(site, run) == {"first": "CANCELLED", "clean": "DONE"}


def test_steps_are_cleared_in_the_version_that_the_run_began_with(site: Site) -> None:
    id = site.name("operated_cleared")
    site.publish(Workflow(id=id, steps=(note("first"), note("second", "first"))))
    run = site.start(id)
    assert site.until_ended(run) == "DONE", site.say(run)
    site.publish(Workflow(id=id, steps=(note("first"), note("second", "first"), note("third", "second"))))
    revision = site.dag_run(run)

    asked = {"steps": ["first"], "dry_run": True}
    assert post(site, f"runs/{run.id}/clear", asked) == {"steps": ["first", "second"]}
    asked = {"steps": ["second"], "downstream": False}
    assert post(site, f"runs/{run.id}/clear", asked) == {"steps": ["second"]}
    assert site.until_ended(run, generation=1) == "DONE", site.say(run)
    assert site.records(run) == [
        ("first", 0, "DONE", 1),
        ("second", 0, "DONE", 1),
        ("second", 1, "DONE", 2),
    ]
    assert site.dag_run(run) == revision


def test_marks_count_on_both_sides(site: Site) -> None:
    id = site.name("operated_marked")
    failing = Step(name="first", task="rules.tasks.fail")
    site.publish(Workflow(id=id, steps=(failing, note("second", "first")), notify=("ann@example.org",)))
    run = site.start(id)
    assert site.until_ended(run) == "FAILED", site.say(run)
    mails = "SELECT kwargs->>'generation' FROM windsock_taskrun WHERE related_id = %s"
    assert site.django(mails, run.id) == [("0",)]

    post(site, f"runs/{run.id}/mark", {"status": "DONE", "step": "first"})
    assert site.until_ended(run, generation=1) == "DONE", site.say(run)
    assert latest(site, run) == {"first": "DONE", "second": "DONE"}
    assert site.instances(run) == {"first": "success", "second": "success"}

    # A step of a run that has ended, marked there: the run itself does not change.
    path = f"/api/v2/dags/{id}/dagRuns/{run.run_id}/taskInstances/second"
    answer = site.stack.airflow.patch(path, json={"new_state": "failed"})
    assert answer.status_code == 200, answer.text
    waited(lambda: latest(site, run)["second"] == "FAILED", say=lambda: site.say(run))
    post(site, f"runs/{run.id}/mark", {"status": "FAILED"})
    assert site.stack.api.get(f"/api/runs/{run.id}/").json()["status"] == "FAILED"
    assert len(site.django(mails, run.id)) == 2


def test_a_backfill_tells_its_dates_makes_its_runs_and_makes_none_twice(site: Site) -> None:
    id = site.name("operated_backfilled")
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = midnight - timedelta(days=4), midnight - timedelta(days=2)
    schedule = Schedule(cron=("0 0 * * *",), start=midnight + timedelta(days=300))
    site.publish(Workflow(id=id, steps=(note("only"),), schedule=schedule))
    asked = {"start": start.isoformat(), "end": end.isoformat(), "dry_run": True}

    told = [datetime.fromisoformat(date) for date in post(site, f"workflows/{id}/backfill", asked)["dates"]]
    assert told == [start, start + timedelta(days=1), end]
    made = post(site, f"workflows/{id}/backfill", {**asked, "dry_run": False})["dates"]
    assert len(made) == 3

    def runs() -> list[dict[str, Any]]:
        query = {"workflow": id, "origin": "backfill", "status": "DONE"}
        found: list[dict[str, Any]] = site.stack.api.get("/api/runs/", params=query).json()["results"]
        return found

    waited(lambda: len(runs()) == 3, say=lambda: str(runs()))
    assert sorted(datetime.fromisoformat(run["logical_date"]) for run in runs()) == told
    assert post(site, f"workflows/{id}/backfill", {**asked, "dry_run": False}) == {"dates": []}


def test_a_run_that_is_deleted_there_while_it_waits_is_cancelled_here(site: Site) -> None:
    id = site.name("operated_deleted")
    site.publish(Workflow(id=id, steps=(note("only"),)))
    site.stack.airflow.patch(f"/api/v2/dags/{id}", json={"is_paused": True})
    run = site.trigger(id)
    here = "SELECT status FROM windsock_workflowrun WHERE run_id = %s"
    waited(lambda: site.django(here, run.run_id) == [("PENDING",)])
    answer = site.stack.airflow.delete(f"/api/v2/dags/{id}/dagRuns/{run.run_id}")
    assert answer.status_code == 204, answer.text

    waited(lambda: site.django(here, run.run_id) == [("CANCELLED",)])


def test_the_active_run_of_a_retired_workflow_ends(site: Site) -> None:
    id = site.name("operated_retired")
    with site.held() as held:
        site.publish(Workflow(id=id, steps=(hold("first", held.number), note("second", "first"))))
        run = site.start(id)
        site.until_begun(run, "first")
        site.call("delete", ids=[id])
        assert site.stack.api.post(f"/api/workflows/{id}/run/", json={}).status_code == 409
        held.release()
        assert site.until_ended(run) == "DONE", site.say(run)

    waited(lambda: site.details(id)["is_stale"])
    assert site.stack.api.post(f"/api/runs/{run.id}/clear/", json={"steps": []}).status_code == 409
