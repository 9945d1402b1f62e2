"""What people do in Airflow itself arrives in the project."""

import pytest
from tests.e2e.workflows.site import Run, Site, hold, note, waited

from windsock.workflow import Step, Workflow

pytestmark = pytest.mark.timeout(300)


def run_path(run: Run) -> str:
    return f"/api/v2/dags/{run.workflow}/dagRuns/{run.run_id}"


@pytest.fixture
def ended(site: Site) -> Run:
    """A run of two steps that has ended."""
    id = site.name("foreign")
    site.publish(Workflow(id=id, steps=(note("first"), note("second", "first"))))
    run = site.start(id)
    assert site.until_ended(run) == "DONE", site.say(run)
    return run


def test_a_step_that_is_cleared_runs_again_and_its_first_record_stays(site: Site, ended: Run) -> None:
    body = {
        "dry_run": False,
        "dag_run_id": ended.run_id,
        "task_ids": ["second"],
        "only_failed": False,
        "reset_dag_runs": True,
    }
    answer = site.stack.airflow.post(f"/api/v2/dags/{ended.workflow}/clearTaskInstances", json=body)
    assert answer.status_code == 200, answer.text

    assert site.until_ended(ended, generation=1) == "DONE", site.say(ended)
    assert site.records(ended) == [
        ("first", 0, "DONE", 1),
        ("second", 0, "DONE", 1),
        ("second", 1, "DONE", 2),
    ]
    assert site.instances(ended) == {"first": "success", "second": "success"}


def test_a_run_that_is_marked_as_failed_in_mid_step_fails_here_too(site: Site) -> None:
    id = site.name("marked")
    with site.held() as held:
        site.publish(Workflow(id=id, steps=(hold("first", held.number), note("second", "first"))))
        run = site.start(id)
        site.until_begun(run, "first")
        answer = site.stack.airflow.patch(run_path(run), json={"state": "failed"})
        assert answer.status_code == 200, answer.text
        assert site.until_ended(run) == "FAILED", site.say(run)
        waited(lambda: ("first", 0, "FAILED", 1) in site.records(run), say=lambda: site.say(run))

    dag_run = site.dag_run(run)
    assert dag_run is not None
    assert dag_run[0] == "failed"
    assert site.instances(run)["first"] == "failed"
    assert [record for record in site.records(run) if record[2] in ("PENDING", "PROCESSING")] == []


def test_a_failed_step_that_is_marked_as_done_lets_its_run_go_on(site: Site) -> None:
    id = site.name("mended")
    failing = Step(name="first", task="rules.tasks.fail")
    site.publish(Workflow(id=id, steps=(failing, note("second", "first"))))
    run = site.start(id)
    assert site.until_ended(run) == "FAILED", site.say(run)
    answer = site.stack.airflow.patch(
        f"{run_path(run)}/taskInstances/first", json={"new_state": "success", "include_downstream": False}
    )
    assert answer.status_code == 200, answer.text
    waited(lambda: site.instances(run)["first"] == "success")

    def is_told() -> bool:
        latest = {step: status for step, _, status, _ in site.records(run)}
        return latest.get("first") == "DONE"

    waited(is_told, say=lambda: site.say(run))


def test_a_run_that_is_deleted_while_it_waits_ends_here(site: Site) -> None:
    id = site.name("deleted")
    with site.held() as held:
        site.publish(Workflow(id=id, max_active_runs=1, steps=(hold("only", held.number),)))
        first = site.start(id)
        site.until_begun(first, "only")
        second = site.start(id)
        waited(lambda: site.dag_run(second), say=lambda: site.say(second))
        answer = site.stack.airflow.delete(run_path(second))
        assert answer.status_code == 204, answer.text
        assert site.until_ended(second) == "CANCELLED", site.say(second)
        held.release()

    assert site.until_ended(first) == "DONE", site.say(first)
    assert site.dag_run(second) is None
    assert site.records(second) == []
    assert site.airflow("SELECT run_id FROM dag_run WHERE dag_id = %s", id) == [(first.run_id,)]


def test_a_run_that_has_ended_stays_in_the_history_when_it_is_deleted_in_airflow(
    site: Site, ended: Run
) -> None:
    before = site.records(ended)
    answer = site.stack.airflow.delete(run_path(ended))
    assert answer.status_code == 204, answer.text
    assert site.dag_run(ended) is None
    # A later deed has come through: this one has too.
    test_a_run_that_is_deleted_while_it_waits_ends_here(site)
    assert site.until_ended(ended) == "DONE"
    assert site.records(ended) == before
