from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from rest_framework.test import APIClient
from tests.django.api.conftest import Person

from windsock.django import orchestrator
from windsock.django.actions import revisions
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.django.observed import DagRun, TaskInstance
from windsock.errors import OrchestratorAway, OrchestratorError

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = [START + timedelta(days=number) for number in range(3)]
DOCUMENT = {
    "id": "a",
    "schedule": {"cron": ["@daily"], "start": START.isoformat()},
    "params": {"day": {"default": "mon", "schema": {"type": "string"}}},
    "steps": [{"name": "one", "task": "t.one"}, {"name": "two", "task": "t.two", "after": ["one"]}],
}
RANGE = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-03T00:00:00Z"}


class SteeredAirflow:
    """Has one run, whose step "two" failed; keeps what it was told."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.state = "failed"
        self.told: list[Any] = []

    def _hear(self, *what: Any) -> None:
        if self.error:
            raise self.error
        self.told.append(what)

    def run(self, workflow: str, run_id: str) -> DagRun:
        moments = {"logical_date": None, "started_at": START, "finished_at": None, "seen_at": timezone.now()}
        return DagRun(
            workflow=workflow,
            run_id=run_id,
            state=self.state,
            kind="manual",
            revision=1,
            params={},
            **moments,
        )

    def steps(self, workflow: str, run_id: str) -> list[TaskInstance]:
        states = {"one": "success", "two": self.state}
        if self.error:
            raise self.error
        return [
            TaskInstance(step=name, map_index=-1, state=state, attempt=1, started_at=None, finished_at=None)
            for name, state in states.items()
        ]

    def clear(self, workflow: str, run_id: str, steps: Any, *, downstream: bool, dry_run: bool) -> list[str]:
        self._hear("clear", list(steps), downstream, dry_run)
        self.state = self.state if dry_run else "running"
        return ["one", "two"]

    def set_run(self, workflow: str, run_id: str, state: str) -> DagRun:
        self._hear("run", state)
        self.state = state
        return self.run(workflow, run_id)

    def set_step(self, workflow: str, run_id: str, step: str, state: str) -> None:
        self._hear("step", step, state)

    def backfill(self, workflow: str, body: dict[str, Any], *, dry_run: bool) -> list[datetime]:
        self._hear("backfill", body, dry_run)
        return DAYS


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> SteeredAirflow:
    made = SteeredAirflow()
    monkeypatch.setattr(orchestrator, "connected", lambda: made)
    return made


@pytest.fixture
def workflow(db: None) -> Workflow:
    made = Workflow.objects.create(id="a", source="test")
    WorkflowVersion.objects.create(workflow=made, digest="0", document=DOCUMENT)
    revisions.number()
    return made


@pytest.fixture
def failed(workflow: Workflow) -> str:
    """The address of a run that failed."""
    run = WorkflowRun.objects.create(
        workflow=workflow, run_id="r", status="FAILED", revision=1, started_at=START, finished_at=START
    )
    return f"/api/runs/{run.pk}/"


@pytest.fixture
def operator(person: Person) -> APIClient:
    return person(
        "view_workflow", "view_workflowrun", "change_workflow", "change_workflowrun", "add_workflowrun"
    )


@pytest.fixture
def post(operator: APIClient) -> Callable[..., Any]:
    return operator.post


def body(answer: Any) -> Any:
    return answer.status_code, answer.json()


@pytest.mark.usefixtures("workflow")
def test_a_workflow_is_paused_and_unpaused(post: Callable[..., Any]) -> None:
    assert post("/api/workflows/a/pause/").json()["is_paused"] is True
    assert Workflow.objects.get().pause_due_at is not None
    assert post("/api/workflows/a/run/").status_code == 409
    assert body(post("/api/workflows/a/pause/"))[0] == 409
    assert post("/api/workflows/a/unpause/").json()["is_paused"] is False
    assert post("/api/workflows/a/run/").status_code == 202


@pytest.mark.usefixtures("workflow")
def test_a_backfill_is_shown_first(post: Callable[..., Any], airflow: SteeredAirflow) -> None:
    dates = {"dates": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]}

    assert body(post("/api/workflows/a/backfill/", RANGE | {"dry_run": True})) == (200, dates)
    assert [dry_run for _, _, dry_run in airflow.told] == [True]
    more = {"reprocess": "failed", "max_active_runs": 2, "params": {"day": "tue"}}
    assert body(post("/api/workflows/a/backfill/", RANGE | more)) == (202, dates)

    _, asked, dry_run = airflow.told[-1]
    assert dry_run is False
    assert (asked["reprocess_behavior"], asked["max_active_runs"]) == ("failed", 2)
    assert (asked["from_date"], asked["dag_run_conf"]) == ("2026-01-01T00:00:00+00:00", {"day": "tue"})


@pytest.mark.usefixtures("workflow", "airflow")
@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"start": None}, "start"),
        ({"start": "2026-01-01"}, "start"),
        ({"end": "2025-01-01T00:00:00Z"}, "end"),
        ({"reprocess": "all"}, "reprocess"),
        ({"max_active_runs": 0}, "max_active_runs"),
        ({"params": {"day": 1}}, "params.day"),
        ({"params": {"hour": 1}}, "params.hour"),
        ({"dryrun": True}, "dryrun"),
    ],
)
def test_a_backfill_that_cannot_be_names_the_place(
    post: Callable[..., Any], given: dict[str, Any], place: str
) -> None:
    status, told = body(post("/api/workflows/a/backfill/", RANGE | given))
    assert (status, list(told)) == (400, [place])


def test_a_run_is_cancelled(post: Callable[..., Any], workflow: Workflow) -> None:
    run = post("/api/workflows/a/run/").json()
    status, told = body(post(f"/api/runs/{run['id']}/cancel/"))
    assert (status, told["status"]) == (202, "CANCELLED")
    assert told["cancel_requested_at"] is not None
    assert post(f"/api/runs/{run['id']}/cancel/").status_code == 409


def test_a_run_is_retried(post: Callable[..., Any], airflow: SteeredAirflow, failed: str) -> None:
    status, told = body(post(f"{failed}retry/"))
    assert (status, told["status"], told["revision"]) == (202, "PROCESSING", 1)
    assert airflow.told == [("clear", ["two"], False, False)]
    assert post(f"{failed}retry/").status_code == 409


def test_steps_are_cleared(post: Callable[..., Any], airflow: SteeredAirflow, failed: str) -> None:
    names = {"steps": ["one", "two"]}
    assert body(post(f"{failed}clear/", {"steps": ["one"], "dry_run": True})) == (200, names)
    assert WorkflowRun.objects.get().status == "FAILED"
    assert body(post(f"{failed}clear/", {"steps": ["one"], "downstream": False})) == (202, names)
    assert WorkflowRun.objects.get().status == "PROCESSING"
    assert airflow.told == [("clear", ["one"], True, True), ("clear", ["one"], False, False)]


@pytest.mark.usefixtures("airflow")
@pytest.mark.parametrize(
    ("deed", "given", "place"),
    [
        ("clear", {"steps": ["one", "three"]}, "steps.1"),
        ("clear", {"steps": "one"}, "steps"),
        ("clear", {"downstream": "no"}, "downstream"),
        ("clear", [], "non_field_errors"),
        ("mark", {}, "status"),
        ("mark", {"status": "done"}, "status"),
        ("mark", {"status": "DONE", "step": "three"}, "step"),
        ("mark", {"status": "DONE", "step": "\x00"}, "step"),
    ],
)
def test_what_is_not_right_is_named(
    post: Callable[..., Any], failed: str, deed: str, given: Any, place: str
) -> None:
    status, told = body(post(f"{failed}{deed}/", given))
    assert (status, list(told)) == (400, [place])


def test_a_run_or_a_step_is_marked(post: Callable[..., Any], airflow: SteeredAirflow, failed: str) -> None:
    assert body(post(f"{failed}mark/", {"status": "FAILED", "step": "two"}))[0] == 202
    assert body(post(f"{failed}mark/", {"status": "DONE"}))[1]["status"] == "DONE"
    assert airflow.told == [("step", "two", "failed"), ("run", "success")]


DEEDS = [("retry", {}), ("clear", {}), ("mark", {"status": "DONE"})]


@pytest.mark.parametrize(("deed", "given"), DEEDS)
def test_airflow_may_be_away_or_refuse(
    post: Callable[..., Any], airflow: SteeredAirflow, failed: str, deed: str, given: Any
) -> None:
    airflow.error = OrchestratorAway("Airflow cannot be reached")
    answer = post(f"{failed}{deed}/", given, headers={"Idempotency-Key": "k"})
    assert body(answer) == (503, {"detail": "Airflow cannot be reached"})
    assert answer["Retry-After"] == "5"
    airflow.error = OrchestratorError("Airflow refused (409)")
    assert body(post(f"{failed}{deed}/", given)) == (409, {"detail": "Airflow refused (409)"})
    airflow.error = None
    assert post(f"{failed}{deed}/", given, headers={"Idempotency-Key": "k"}).status_code == 202


@pytest.mark.parametrize(("deed", "given"), DEEDS)
def test_without_an_airflow_nothing_breaks(
    post: Callable[..., Any], failed: str, deed: str, given: Any
) -> None:
    assert post(f"{failed}{deed}/", given).status_code == 503
    assert post("/api/workflows/a/backfill/", RANGE).status_code == 503


def test_the_same_request_retries_once(
    post: Callable[..., Any], airflow: SteeredAirflow, failed: str
) -> None:
    answers = [post(f"{failed}retry/", headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert len(airflow.told) == 1


def test_permissions_are_asked_for(person: Person, failed: str) -> None:
    client = person("view_workflow", "view_workflowrun")
    for path in ("run", "pause", "unpause", "backfill"):
        assert client.post(f"/api/workflows/a/{path}/", {}).status_code == 403
    for path in ("cancel", "retry", "clear", "mark"):
        assert client.post(f"{failed}{path}/", {}).status_code == 403
        assert APIClient().post(f"{failed}{path}/", {}).status_code == 401


@pytest.mark.usefixtures("airflow", "workflow")
def test_to_begin_work_is_counted(
    post: Callable[..., Any], failed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDSOCK_THROTTLE_RATE", "1/min")
    cache.clear()
    assert post(f"{failed}clear/", {"dry_run": True}).status_code == 200
    for path in (f"{failed}retry/", f"{failed}clear/", "/api/workflows/a/run/", "/api/workflows/a/backfill/"):
        assert post(path, {}).status_code == 429
    assert post("/api/workflows/a/pause/").status_code == 200
