from datetime import UTC, datetime

import httpx
import pytest
from django.utils import timezone
from tests.django.fake_airflow import FakeAirflow

from windsock.django import operating, orchestrator
from windsock.django.actions import runs
from windsock.django.actions.steps import begin
from windsock.django.models import TaskRun, Workflow, WorkflowRun, WorkflowVersion
from windsock.django.relay.cancels import Canceller
from windsock.django.relay.states import Watcher
from windsock.errors import InvalidParams, OrchestratorAway, WrongStatus
from windsock.workflow import Step

pytestmark = pytest.mark.django_db
NAMES = ("draw", "post", "keep")
END = "2026-01-02T03:04:04Z"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeAirflow:
    fake = FakeAirflow()
    fake.now = timezone.now()
    fake.serve("w", 1, "0" * 32)
    fake.after = {"draw": ["post"], "post": ["keep"]}
    airflow = fake.client()
    monkeypatch.setattr(orchestrator, "connected", lambda: airflow)
    return fake


@pytest.fixture
def workflow() -> Workflow:
    workflow = Workflow.objects.create(id="w", source="test", live_revision=1)
    document = {"id": "w", "steps": [{"name": name, "task": "x.y"} for name in NAMES]}
    WorkflowVersion.objects.create(
        workflow=workflow, digest="1", document=document, revision=1, is_settled=True
    )
    return workflow


def seen(fake: FakeAirflow, state: str, *states: str | None) -> WorkflowRun:
    """A run that was seen in Airflow, with states of its steps."""
    over = state in {"success", "failed"}
    fake.put_run("w", "r", state, start_date=END, end_date=END if over else None)
    for name, each in zip(NAMES, states, strict=True):
        ran = each in {"success", "failed", "running"}
        end_date = END if each and each != "running" else None
        fake.put_step("w", "r", name, each, try_number=int(ran), end_date=end_date)
    Watcher(fake.client()).run()
    return WorkflowRun.objects.select_related("workflow").get()


def states(fake: FakeAirflow) -> list[str | None]:
    return [each["state"] for each in fake.instances["w", "r"]]


def records() -> list[tuple[str, int, str]]:
    found = TaskRun.objects.order_by("step", "generation")
    return list(found.values_list("step", "generation", "status"))


def test_a_retry_goes_on_where_the_run_failed(fake: FakeAirflow, workflow: Workflow) -> None:
    run = seen(fake, "failed", "success", "failed", "upstream_failed")

    assert operating.can_retry(run)
    assert operating.retry(run) == ["keep", "post"]
    assert (run.status, run.generation) == ("PENDING", 1)
    assert states(fake) == ["success", None, None]
    with pytest.raises(WrongStatus, match="not ended yet"):
        operating.retry(run)


def test_a_retry_counts_once_whoever_sees_it_first(fake: FakeAirflow, workflow: Workflow) -> None:
    run = seen(fake, "failed", "success", "failed", "upstream_failed")
    operating.retry(run)
    Watcher(fake.client()).run()
    begin(WorkflowRun.objects.get(), Step(name="post", task="x.y"), map_index=-1, attempt=2)
    Watcher(fake.client()).run()

    assert WorkflowRun.objects.get().generation == 1
    assert ("post", 1, "PROCESSING") in records()


def test_a_cancelled_run_goes_on_with_all_that_is_not_done(fake: FakeAirflow, workflow: Workflow) -> None:
    run = seen(fake, "running", "success", "running", None)
    operating.cancel(run)
    Canceller(fake.client()).run()
    run.refresh_from_db()
    assert run.status == "CANCELLED"

    assert operating.retry(run) == ["keep", "post"]
    assert (run.status, run.cancel_requested_at) == ("PENDING", None)


def test_a_run_that_was_only_marked_as_failed_has_steps_to_go_on_with(
    fake: FakeAirflow, workflow: Workflow
) -> None:
    run = seen(fake, "failed", "success", "skipped", "skipped")

    assert operating.retry(run) == ["keep", "post"]


def test_there_may_be_nothing_to_go_on_with(fake: FakeAirflow, workflow: Workflow) -> None:
    with pytest.raises(WrongStatus, match="Every step is done"):
        operating.retry(seen(fake, "failed", "success", "success", "success"))


def test_a_clear_tells_first_what_it_would_be(fake: FakeAirflow, workflow: Workflow) -> None:
    run = seen(fake, "success", "success", "success", "success")

    assert operating.clear(run, ["post"], dry_run=True) == ["keep", "post"]
    assert operating.clear(run, ["post"], downstream=False, dry_run=True) == ["post"]
    assert (run.status, states(fake)[1]) == ("DONE", "success")
    assert operating.clear(run, ["post"]) == ["keep", "post"]
    assert (run.status, run.generation) == ("PENDING", 1)


def test_no_step_means_all(fake: FakeAirflow, workflow: Workflow) -> None:
    run = seen(fake, "success", "success", "success", "success")

    assert operating.clear(run, []) == ["draw", "keep", "post"]


def test_a_step_that_the_runs_version_does_not_have_is_named(fake: FakeAirflow, workflow: Workflow) -> None:
    run = seen(fake, "success", "success", "success", "success")
    newer = {"id": "w", "steps": [{"name": "new", "task": "x.y"}]}
    WorkflowVersion.objects.create(workflow=workflow, digest="2", document=newer, revision=2)
    with pytest.raises(InvalidParams) as caught:
        operating.clear(run, ["draw", "new"])

    assert [field for field, _ in caught.value.problems] == ["steps.1"]
    with pytest.raises(InvalidParams, match="step: there is no step 'new'"):
        operating.mark(run, "DONE", step="new")


def test_a_step_is_marked_and_what_failed_after_it_runs_again(fake: FakeAirflow, workflow: Workflow) -> None:
    run = seen(fake, "failed", "success", "failed", "upstream_failed")
    operating.mark(run, "DONE", step="post")

    assert states(fake) == ["success", "success", None]
    assert (run.status, run.generation) == ("PENDING", 1)
    assert ("post", 0, "FAILED") in records()
    assert ("post", 1, "DONE") in records()


def test_a_step_of_an_ended_run_is_marked(fake: FakeAirflow, workflow: Workflow) -> None:
    run = seen(fake, "success", "success", "success", "success")
    operating.mark(run, "FAILED", step="keep")

    assert (run.status, run.generation) == ("DONE", 0)
    assert ("keep", 1, "FAILED") in records()
    with pytest.raises(WrongStatus, match="already in failed state"):
        operating.mark(run, "FAILED", step="keep")


@pytest.mark.parametrize(("status", "state"), [("DONE", "success"), ("FAILED", "failed")])
def test_a_run_is_marked_with_its_steps(
    fake: FakeAirflow, workflow: Workflow, status: str, state: str
) -> None:
    run = seen(fake, "running", "success", "running", None)
    operating.mark(run, status)

    assert (run.status, run.finished_at is not None) == (status, True)
    assert states(fake) == ["success", state, "skipped"]
    assert ("keep", 0, "SKIPPED") in records()


def test_a_cancelled_run_may_be_marked(fake: FakeAirflow, workflow: Workflow) -> None:
    run = seen(fake, "running", "success", "running", None)
    operating.cancel(run)
    Canceller(fake.client()).run()
    run.refresh_from_db()
    operating.mark(run, "DONE")

    assert (run.status, run.cancel_requested_at) == ("DONE", None)


def test_there_are_two_marks(fake: FakeAirflow, workflow: Workflow) -> None:
    run = seen(fake, "success", "success", "success", "success")
    with pytest.raises(InvalidParams, match="status: choose one of DONE, FAILED"):
        operating.mark(run, "CANCELLED")


@pytest.mark.parametrize(
    "deed",
    [operating.retry, lambda run: operating.clear(run, []), lambda run: operating.mark(run, "DONE")],
)
def test_nothing_changes_while_airflow_is_away(fake: FakeAirflow, workflow: Workflow, deed: object) -> None:
    run = seen(fake, "failed", "success", "failed", "upstream_failed")
    before = run.updated_at
    fake.is_away = True
    with pytest.raises(OrchestratorAway):
        deed(run)  # type: ignore[operator]

    run.refresh_from_db()
    assert (run.status, run.updated_at) == ("FAILED", before)


def test_what_was_done_counts_although_its_outcome_cannot_be_seen(
    fake: FakeAirflow, workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = seen(fake, "failed", "success", "failed", "upstream_failed")
    api = fake._api

    def forbid(request: httpx.Request, path: str) -> httpx.Response:
        away = request.method == "GET" and path.endswith("/r")
        return httpx.Response(503) if away else api(request, path)

    monkeypatch.setattr(fake, "_api", forbid)
    assert operating.retry(run) == ["keep", "post"]
    monkeypatch.setattr(fake, "_api", api)
    Watcher(fake.client()).run()

    run.refresh_from_db()
    assert (run.status, run.generation) == ("PENDING", 1)


def test_a_run_that_airflow_lost_cannot_be_marked(fake: FakeAirflow, workflow: Workflow) -> None:
    run = seen(fake, "failed", "success", "failed", "upstream_failed")
    fake.runs.clear()
    with pytest.raises(WrongStatus, match="does not have this run"):
        operating.mark(run, "DONE")


def test_pauses_and_cancellations_follow_the_rules(workflow: Workflow) -> None:
    assert operating.can_pause(workflow)
    operating.pause(workflow)
    assert (operating.can_pause(workflow), operating.can_unpause(workflow)) == (False, True)
    with pytest.raises(WrongStatus, match="paused already"):
        operating.pause(workflow)
    operating.unpause(workflow)
    with pytest.raises(WrongStatus, match="not paused"):
        operating.unpause(workflow)

    run = runs.request(workflow)
    assert (operating.can_cancel(run), operating.can_mark(run), operating.can_clear(run)) == (
        True,
        False,
        False,
    )
    operating.cancel(run)
    with pytest.raises(WrongStatus, match="ended already"):
        operating.cancel(run)


def test_without_airflow_nothing_can_be_asked(workflow: Workflow) -> None:
    orchestrator._airflow.cache_clear()
    now = datetime.now(UTC)
    run = WorkflowRun.objects.create(
        workflow=workflow, run_id="r", status="FAILED", started_at=now, revision=1
    )
    with pytest.raises(OrchestratorAway, match="No Airflow is configured"):
        operating.retry(run)
