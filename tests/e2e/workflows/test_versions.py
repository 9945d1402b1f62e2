"""A run is of the version with which it began, to its end and for ever."""

import pytest
from tests.e2e.workflows.site import Site, hold, note, waited

from windsock.workflow import Workflow

pytestmark = pytest.mark.timeout(240)

RESULTS = (
    "SELECT s.step, s.generation, s.result FROM windsock_taskrun s "
    "JOIN windsock_workflowrun r ON r.id = s.workflow_run_id WHERE r.run_id = %s "
    "ORDER BY s.generation, s.step"
)


def test_a_run_keeps_its_version_also_when_it_is_cleared_later(site: Site) -> None:
    id = site.name("kept")
    with site.held() as held:
        site.publish(Workflow(id=id, steps=(hold("first", held.number), note("second", "first", word="old"))))
        run = site.start(id)
        site.until_begun(run, "first")
        edited = (
            hold("first", held.number),
            note("second", "first", word="new"),
            note("added", "first", word="new"),
        )
        site.publish(Workflow(id=id, steps=edited))
        held.release()

    assert site.until_ended(run) == "DONE", site.say(run)
    [(_, began_with)] = site.airflow(
        "SELECT state, bundle_version FROM dag_run WHERE run_id = %s", run.run_id
    )
    assert site.instances(run) == {"first": "success", "second": "success"}
    assert site.django(RESULTS, run.run_id) == [("first", 0, ""), ("second", 0, "old")]

    path = f"/api/v2/dags/{id}/dagRuns/{run.run_id}/clear"
    answer = site.stack.airflow.post(path, json={"dry_run": False, "only_failed": False})
    assert answer.status_code == 200, answer.text
    assert site.until_ended(run, generation=1) == "DONE", site.say(run)

    assert site.dag_run(run) == ("success", began_with)
    assert site.instances(run) == {"first": "success", "second": "success"}
    assert site.django(RESULTS, run.run_id) == [
        ("first", 0, ""),
        ("second", 0, "old"),
        ("first", 1, ""),
        ("second", 1, "old"),
    ]
    [(revision,)] = site.django("SELECT revision FROM windsock_workflowrun WHERE run_id = %s", run.run_id)
    assert str(revision) == began_with

    newer = site.start(id)
    assert site.until_ended(newer) == "DONE", site.say(newer)
    assert site.instances(newer) == dict.fromkeys(("first", "second", "added"), "success")
    assert site.django(RESULTS, newer.run_id) == [("added", 0, "new"), ("first", 0, ""), ("second", 0, "new")]


def test_the_active_run_of_a_retired_workflow_ends(site: Site) -> None:
    id = site.name("retired")
    with site.held() as held:
        site.publish(Workflow(id=id, steps=(hold("first", held.number), note("second", "first"))))
        run = site.start(id)
        site.until_begun(run, "first")
        site.call("delete", ids=[id])
        assert site.stack.api.post(f"/api/workflows/{id}/run/", json={}).status_code == 409
        assert site.dag_run(run)[0] == "running"
        held.release()

    assert site.until_ended(run) == "DONE", site.say(run)
    assert site.instances(run) == {"first": "success", "second": "success"}
    assert site.records(run) == [("first", 0, "DONE", 1), ("second", 0, "DONE", 1)]
    waited(lambda: site.details(id)["is_stale"])
    [(history,)] = site.django("SELECT count(*) FROM windsock_workflowversion WHERE workflow_id = %s", id)
    assert history >= 2
