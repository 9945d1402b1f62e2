from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone
from tests.django.fake_airflow import FakeAirflow

from windsock.django.actions import runs
from windsock.django.models import RelayState, TaskRun, Workflow, WorkflowRun, WorkflowVersion
from windsock.django.relay.states import (
    BATCH,
    BRIEF_OVERLAP,
    CLOSEST,
    COMPLETE_EVERY,
    OFTEN,
    OVERLAP,
    SELDOM,
    Watcher,
)

pytestmark = pytest.mark.django_db
TIMES = {"start_date": "2026-01-02T03:04:00Z", "end_date": "2026-01-02T03:04:04Z"}


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def fake() -> FakeAirflow:
    fake = FakeAirflow()
    fake.now = timezone.now().replace(microsecond=0)
    return fake


@pytest.fixture
def watcher(fake: FakeAirflow) -> Watcher:
    return Watcher(fake.client(), clock=Clock())


@pytest.fixture(autouse=True)
def workflow() -> Workflow:
    workflow = Workflow.objects.create(id="w", source="test")
    document = {"id": "w", "steps": [{"name": "one", "task": "x.y"}]}
    WorkflowVersion.objects.create(
        workflow=workflow, digest="1", document=document, revision=1, is_settled=True
    )
    return workflow


def stored(**lookup: Any) -> WorkflowRun:
    return WorkflowRun.objects.get(**lookup)


def test_a_scheduled_run_appears_and_ends(fake: FakeAirflow, watcher: Watcher) -> None:
    fake.put_run("w", "scheduled__1", "running", run_type="scheduled", start_date=TIMES["start_date"])
    assert watcher.run() == OFTEN
    assert (stored().status, stored().origin, stored().revision) == ("PROCESSING", "schedule", 1)

    fake.put_run("w", "scheduled__1", "success", **TIMES)
    assert watcher.run() == SELDOM
    assert (stored().status, stored().finished_at) == ("DONE", fake_time(TIMES["end_date"]))


def fake_time(text: str) -> Any:
    return timezone.datetime.fromisoformat(text)  # type: ignore[attr-defined]


def test_a_click_in_airflows_ui_appears(fake: FakeAirflow, watcher: Watcher) -> None:
    fake.put_run("w", "manual__1", "queued", conf={"day": "mon"})
    watcher.run()

    assert (stored().origin, stored().params) == ("airflow", {"day": "mon"})


def test_runs_of_other_dags_are_none_of_ours(fake: FakeAirflow, watcher: Watcher) -> None:
    fake.put_run("foreign", "manual__1", "success")
    watcher.run()

    assert not WorkflowRun.objects.exists()


def test_steps_that_never_ran_here_get_a_record(fake: FakeAirflow, watcher: Watcher) -> None:
    fake.put_run("w", "manual__1", "failed", **TIMES)
    fake.put_step("w", "manual__1", "one", "upstream_failed", try_number=0)
    watcher.run()

    assert [(step.step, step.status) for step in TaskRun.objects.all()] == [("one", "SKIPPED")]


def test_what_was_seen_is_not_taken_again(
    fake: FakeAirflow, watcher: Watcher, django_assert_max_num_queries: Any
) -> None:
    fake.put_run("w", "manual__1", "success", **TIMES)
    watcher.run()
    fake.requests.clear()
    with django_assert_max_num_queries(3):
        watcher.run()

    assert fake.requests == ["GET /api/v2/dags/~/dagRuns"]


def test_a_cleared_run_is_a_new_generation(fake: FakeAirflow, watcher: Watcher) -> None:
    for state in ("success", "queued", "running", "success"):
        fake.put_run("w", "manual__1", state, **TIMES)
        watcher.run()

    assert (stored().generation, stored().status) == (1, "DONE")


def test_a_state_that_becomes_visible_late_is_not_missed(fake: FakeAirflow, watcher: Watcher) -> None:
    """A transaction wrote its time, and was committed after another look had passed that time."""
    watcher.run()
    written = fake.now
    fake.now += OVERLAP - timedelta(seconds=2)
    watcher.run()
    fake.put_run("w", "manual__1", "success", **TIMES)
    fake.updated["w", "manual__1"] = written
    watcher.run()

    assert stored().status == "DONE"


def test_most_looks_go_back_only_a_little(fake: FakeAirflow, watcher: Watcher) -> None:
    watcher.run()
    fake.now += COMPLETE_EVERY - timedelta(seconds=1)
    watcher.run()
    fake.put_run("w", "late", "success", **TIMES)
    fake.updated["w", "late"] = fake.now - BRIEF_OVERLAP - timedelta(seconds=1)
    fake.put_run("w", "soon", "success", **TIMES)
    watcher.run()
    assert [run.run_id for run in WorkflowRun.objects.all()] == ["soon"]

    fake.now += timedelta(seconds=1)
    watcher.run()
    watcher.run()
    assert WorkflowRun.objects.filter(status="DONE", generation=0).count() == 2


def test_after_a_pause_everything_arrives_once(fake: FakeAirflow, watcher: Watcher) -> None:
    watcher.run()
    for number in range(200):
        fake.now += timedelta(milliseconds=300)
        fake.put_run("w", f"r{number}", "success", **TIMES)
    again = Watcher(fake.client(), clock=Clock())
    again.run()
    again.run()

    assert WorkflowRun.objects.filter(status="DONE", generation=0).count() == 200


def test_a_relay_that_dies_in_between_loses_nothing(
    fake: FakeAirflow, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has written down some of the runs, and not how far it came."""
    watcher.run()
    for number in range(200):
        fake.now += timedelta(milliseconds=300)
        fake.put_run("w", f"r{number}", "failed", **TIMES)
        fake.put_step("w", f"r{number}", "one", "failed")
    api, answered = fake._api, iter(range(3))

    def go_away(request: Any, path: str) -> Any:
        if path.endswith("taskInstances/list") and next(answered, None) is None:
            raise SystemExit
        return api(request, path)

    monkeypatch.setattr(fake, "_api", go_away)
    with pytest.raises(SystemExit):
        watcher.run()
    assert 0 < WorkflowRun.objects.count() < 200
    monkeypatch.setattr(fake, "_api", api)
    for _ in range(2):
        Watcher(fake.client(), clock=Clock()).run()

    assert WorkflowRun.objects.filter(status="FAILED", generation=0).count() == 200
    assert TaskRun.objects.filter(status="FAILED").count() == 200


def test_the_steps_of_runs_that_ended_are_read_in_few_requests(fake: FakeAirflow, watcher: Watcher) -> None:
    for number in range(2 * BATCH):
        fake.put_run("w", f"r{number}", "failed", **TIMES)
        fake.put_step("w", f"r{number}", "one", "upstream_failed", try_number=0)
    fake.put_run("w", "running", "running")
    watcher.run()

    assert TaskRun.objects.filter(status="SKIPPED").count() == 2 * BATCH
    assert [request for request in fake.requests if "taskInstances" in request] == [
        "POST /api/v2/dags/~/dagRuns/~/taskInstances/list"
    ] * 2


def test_an_airflow_that_reads_them_one_by_one_alone_is_asked_so(
    fake: FakeAirflow, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.put_run("w", "r", "failed", **TIMES)
    fake.put_step("w", "r", "one", "failed")
    api = fake._api

    def refuse(request: Any, path: str) -> Any:
        bad = path.endswith("taskInstances/list")
        return httpx.Response(403, json={"detail": "Forbidden"}) if bad else api(request, path)

    monkeypatch.setattr(fake, "_api", refuse)
    watcher.run()

    assert [(step.step, step.status) for step in TaskRun.objects.all()] == [("one", "FAILED")]


def test_a_run_whose_steps_cannot_be_read_holds_up_no_other(
    fake: FakeAirflow, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        fake.put_run("w", f"r{number}", "success", **TIMES)
    api = fake._api

    def forbid(request: Any, path: str) -> Any:
        bad = path.endswith("r1/taskInstances")
        return httpx.Response(404, json={"detail": "gone"}) if bad else api(request, path)

    monkeypatch.setattr(fake, "_api", forbid)
    watcher.run()

    assert set(WorkflowRun.objects.values_list("run_id", flat=True)) == {"r0", "r2"}


def test_the_runs_of_a_backfill_are_known_as_such(fake: FakeAirflow, watcher: Watcher) -> None:
    fake.put_run("w", "backfill__2026-01-01", "queued", run_type="backfill")
    fake.put_run("w", "scheduled__2026-01-02", "queued", run_type="backfill")
    watcher.run()

    assert set(WorkflowRun.objects.values_list("origin", flat=True)) == {"backfill"}


def test_a_mark_in_airflow_changes_the_run(fake: FakeAirflow, watcher: Watcher) -> None:
    for state in ("running", "failed", "success"):
        fake.put_run("w", "manual__1", state, **TIMES)
        watcher.run()

    assert (stored().status, stored().generation) == ("DONE", 0)


def test_the_cursor_is_airflows_time_and_seldom_written(fake: FakeAirflow, watcher: Watcher) -> None:
    began = fake.now
    for _ in range(5):
        watcher.run()
        fake.now += timedelta(seconds=1)

    assert RelayState.objects.get(name="states").cursor == began.isoformat()


def test_a_look_follows_another_not_too_closely(fake: FakeAirflow) -> None:
    watcher = Watcher(fake.client(), clock=lambda: 1_000.0)
    watcher.run()
    fake.requests.clear()

    assert watcher.run() == CLOSEST
    assert fake.requests == []


def test_runs_are_watched_closely_only_while_something_happens(fake: FakeAirflow, watcher: Watcher) -> None:
    assert watcher.run() == SELDOM
    fake.put_run("w", "manual__1", "running")
    assert watcher.run() == OFTEN
    WorkflowRun.objects.update(updated_at=timezone.now() - timedelta(minutes=5))
    assert watcher.run() == SELDOM


def test_a_requested_run_is_watched_closely_once_it_was_sent(
    fake: FakeAirflow, watcher: Watcher, workflow: Workflow
) -> None:
    run = runs.request(workflow)
    assert watcher.run() == SELDOM
    runs.sent(run)
    assert watcher.run() == OFTEN


def test_a_run_that_was_deleted_in_airflow_is_cancelled(fake: FakeAirflow, watcher: Watcher) -> None:
    fake.put_run("w", "manual__1", "running")
    watcher.run()
    del fake.runs["w", "manual__1"], fake.updated["w", "manual__1"]
    WorkflowRun.objects.update(updated_at=timezone.now() - timedelta(minutes=5))
    for _ in range(60):
        watcher.run()

    assert stored().status == "CANCELLED"


def test_a_run_whose_news_got_lost_is_found_by_the_sweep(fake: FakeAirflow, watcher: Watcher) -> None:
    for number in range(30):
        WorkflowRun.objects.create(workflow_id="w", run_id=f"r{number}", status="PROCESSING")
        fake.put_run("w", f"r{number}", "success", **TIMES)
        fake.updated["w", f"r{number}"] = fake.now - timedelta(days=9)
    WorkflowRun.objects.update(updated_at=timezone.now() - timedelta(minutes=5))
    for _ in range(130):
        watcher.run()

    assert WorkflowRun.objects.filter(status="DONE").count() == 30


def test_a_retired_workflow_is_buried_when_its_last_run_has_ended(
    fake: FakeAirflow, watcher: Watcher, workflow: Workflow
) -> None:
    fake.put_run("w", "manual__1", "running")
    watcher.run()
    Workflow.objects.update(retired_at=timezone.now())
    fake.put_run("w", "manual__1", "success", **TIMES)
    watcher.run()

    assert WorkflowVersion.objects.order_by("id").last().document is None  # type: ignore[union-attr]


def test_an_airflow_that_is_away_is_waited_for(fake: FakeAirflow, watcher: Watcher) -> None:
    fake.is_away = True
    assert watcher.run() == SELDOM
    fake.is_away = False
    fake.put_run("w", "manual__1", "running")
    watcher.run()

    assert stored().status == "PROCESSING"


def test_without_airflow_there_is_nothing_to_see() -> None:
    assert Watcher(None).run() is None
