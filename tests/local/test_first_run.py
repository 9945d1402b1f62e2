import pytest
from tests.local.project_api import FakeProject

from windsock.local import first_run
from windsock.local.client import Client


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_run, "_EVERY", 0.01)
    monkeypatch.setattr(first_run, "LIVE_PATIENCE", 0.3)
    monkeypatch.setattr(first_run, "RUN_PATIENCE", 0.3)


def show(api: FakeProject) -> tuple[bool, str]:
    said: list[str] = []
    return first_run.show(Client(api.url, "t"), said.append), "\n".join(said)


def test_it_waits_until_live_runs_and_shows_the_result(api: FakeProject) -> None:
    waiting, live = {"id": "simulator_dag_1", "live": False}, {"id": "simulator_dag_1", "live": True}
    api.answers = {
        "/api/workflows/": [[waiting], [waiting], [live]],
        "/api/workflows/simulator_dag_1/run/": [{"id": "r1"}],
        "/api/runs/r1/": [
            {"status": "PENDING"},
            {"status": "PROCESSING"},
            {"status": "DONE", "steps": [{"task_name": "ask", "status": "DONE", "result": {"kpi": 42}}]},
        ],
    }
    fine, said = show(api)
    assert fine
    assert "simulator_dag_1 is DONE" in said
    assert 'ask: DONE {"kpi": 42}' in said


def test_a_project_without_workflows_is_told_so(api: FakeProject) -> None:
    fine, said = show(api)
    assert fine
    assert "No workflow yet" in said


def test_a_paused_workflow_is_left_alone(api: FakeProject) -> None:
    api.answers = {"/api/workflows/": [[{"id": "w", "live": True, "is_paused": True}]]}
    assert "No workflow yet" in show(api)[1]


def test_a_workflow_that_does_not_become_live_is_named(api: FakeProject) -> None:
    api.answers = {"/api/workflows/": [[{"id": "w", "live": False}]]}
    fine, said = show(api)
    assert not fine
    assert "w is not live yet" in said


def test_a_run_that_fails_is_shown_as_failed(api: FakeProject) -> None:
    api.answers = {
        "/api/workflows/": [[{"id": "w", "live": True}]],
        "/api/workflows/w/run/": [{"id": "r"}],
        "/api/runs/r/": [{"status": "FAILED", "steps": []}],
    }
    fine, said = show(api)
    assert not fine
    assert "w is FAILED" in said


def test_a_run_without_end_is_left_to_the_person(api: FakeProject) -> None:
    api.answers = {
        "/api/workflows/": [[{"id": "w", "live": True}]],
        "/api/workflows/w/run/": [{"id": "r"}],
        "/api/runs/r/": [{"status": "PROCESSING"}],
    }
    assert "has not ended yet" in show(api)[1]


def test_an_api_that_refuses_does_not_end_the_stack(api: FakeProject) -> None:
    api.answers = {}
    fine, said = show(api)
    assert not fine
    assert "404" in said


def test_a_request_to_stop_ends_the_waiting(api: FakeProject) -> None:
    api.answers = {"/api/workflows/": [[{"id": "w", "live": False}]]}
    assert not first_run.show(Client(api.url, "t"), lambda _: None, lambda: False)
