from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from windsock.django.actions import news
from windsock.django.models import TaskRun, Workflow, WorkflowRun, WorkflowVersion
from windsock.django.observed import DagRun, TaskInstance

pytestmark = pytest.mark.django_db
THEN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def workflow() -> Workflow:
    workflow = Workflow.objects.create(id="a", source="test")
    document = {"id": "a", "steps": [{"name": "one", "task": "x.y"}]}
    WorkflowVersion.objects.create(
        workflow=workflow, digest="1", revision=1, document=document, is_settled=True
    )
    return workflow


def seen(state: str) -> DagRun:
    return DagRun(
        workflow="a",
        run_id="r",
        state=state,
        kind="scheduled",
        revision=1,
        params={},
        logical_date=None,
        started_at=THEN,
        finished_at=THEN if state != "running" else None,
        seen_at=timezone.now() + timedelta(seconds=1),
    )


def instance(state: str) -> TaskInstance:
    return TaskInstance(step="one", map_index=-1, state=state, attempt=1, started_at=THEN, finished_at=THEN)


def test_a_run_and_its_steps_are_written_in_one_go() -> None:
    run = news.take(seen("failed"), [instance("failed")])

    assert run is not None
    assert (run.status, TaskRun.objects.get().status) == ("FAILED", "FAILED")


def test_nothing_is_written_when_the_steps_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError("no room")

    monkeypatch.setattr("windsock.django.actions.reconciling.reconcile", fail)
    with pytest.raises(OSError, match="no room"):
        news.take(seen("failed"), [instance("failed")])

    assert not WorkflowRun.objects.exists()


def test_old_news_are_passed_over() -> None:
    news.take(seen("running"))
    WorkflowRun.objects.update(updated_at=timezone.now() + timedelta(hours=1))

    assert news.take(seen("failed"), [instance("failed")]) is None
    assert not TaskRun.objects.exists()


def test_the_last_run_of_a_retired_workflow_ends_and_makes_way_for_its_tombstone() -> None:
    news.take(seen("running"))
    Workflow.objects.update(retired_at=timezone.now())
    run = news.take(seen("success"), [instance("success")])

    assert run is not None
    assert run.status == "DONE"
    newest = WorkflowVersion.objects.order_by("-id").first()
    assert newest is not None
    assert newest.document is None
