import pytest
from django.test import Client
from tests.django.pages.conftest import MakeUser, MakeWorkflow

from windsock.django.models import TaskRun, WorkflowRun, WorkflowVersion
from windsock.django.pages.runs import airflow_run_url, step_lines
from windsock.run import Status


@pytest.fixture
def run(make_workflow: MakeWorkflow) -> WorkflowRun:
    found: WorkflowRun = make_workflow("w", Status.PROCESSING).runs.get()
    return found


def execution(run: WorkflowRun, step: str, **fields: object) -> TaskRun:
    return TaskRun.objects.create(task=f"shop.tasks.{step}", name=step, workflow_run=run, step=step, **fields)


def shown(run: WorkflowRun) -> list[tuple[str, bool]]:
    return [(line.name, line.execution is not None) for line in step_lines(run)]


def test_steps_stand_in_the_order_of_the_plan_begun_or_not(run: WorkflowRun) -> None:
    assert shown(run) == [("draw", False), ("keep", False)]
    execution(run, "draw")
    assert shown(run) == [("draw", True), ("keep", False)]


def test_a_step_that_the_plan_does_not_name_is_shown_too(run: WorkflowRun) -> None:
    execution(run, "other")
    assert shown(run)[-1] == ("other", True)


def test_mapped_executions_are_shown_one_by_one(run: WorkflowRun) -> None:
    execution(run, "draw", map_index=0)
    execution(run, "draw", map_index=1)
    assert shown(run) == [("draw", True), ("draw", True), ("keep", False)]


def test_executions_from_before_the_run_was_cleared_are_left_out(run: WorkflowRun) -> None:
    execution(run, "draw")
    run.generation = 1
    assert shown(run) == [("draw", False), ("keep", False)]


def test_the_plan_is_the_version_in_force_at_the_runs_revision(run: WorkflowRun) -> None:
    """Revisions number the versions of all workflows; a run is pinned to the newest of them."""
    newer = {"id": "w", "steps": [{"name": "new", "task": "x.y"}]}
    assert run.revision
    WorkflowVersion.objects.create(workflow_id="w", digest="9", revision=run.revision + 900, document=newer)
    WorkflowRun.objects.update(revision=run.revision + 899)
    run.refresh_from_db()
    assert shown(run) == [("draw", False), ("keep", False)]
    WorkflowRun.objects.update(revision=run.revision + 1)
    run.refresh_from_db()
    assert shown(run) == [("new", False)]


@pytest.mark.parametrize("document", [None, {"steps": "of a newer release"}])
def test_a_plan_that_cannot_be_read_leaves_the_executions(run: WorkflowRun, document: object) -> None:
    execution(run, "draw")
    WorkflowVersion.objects.update(document=document)
    assert shown(run) == [("draw", True)]


def test_the_page_shows_results_and_the_way_to_airflow(
    browser: Client, run: WorkflowRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert airflow_run_url(run) == ""
    monkeypatch.setenv("WINDSOCK_AIRFLOW_URL", "http://airflow.test/")
    execution(run, "draw", status=Status.DONE, result={"speed": 7.5})
    execution(run, "keep", status=Status.FAILED, message="the shelf broke", traceback="line 1")
    page = browser.get(f"/windsock/runs/{run.pk}/").content.decode()
    for text in ("speed", "7.5", "the shelf broke", "line 1"):
        assert text in page
    assert "http://airflow.test/dags/w/runs/run%200" in page


def test_a_traceback_needs_a_permission(make_user: MakeUser, run: WorkflowRun) -> None:
    execution(run, "keep", status=Status.FAILED, message="the shelf broke", traceback="File secret.py")
    client = Client()
    client.force_login(make_user("reader", "view_workflowrun"))
    page = client.get(f"/windsock/runs/{run.pk}/").content.decode()
    assert "the shelf broke" in page
    assert "secret.py" not in page
