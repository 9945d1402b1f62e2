import pytest
from django.utils import timezone

from windsock.django import why_not
from windsock.django.models import Workflow, WorkflowRun

NOW = timezone.now()
STATES = {
    "requested": WorkflowRun(status="PENDING", next_send_at=NOW),
    "active": WorkflowRun(status="PROCESSING", started_at=NOW, revision=1),
    "cancelling": WorkflowRun(status="PROCESSING", started_at=NOW, revision=1, cancel_requested_at=NOW),
    "done": WorkflowRun(status="DONE", started_at=NOW, revision=1),
    "failed": WorkflowRun(status="FAILED", started_at=NOW, revision=1),
    "refused": WorkflowRun(status="FAILED"),
    "cancelled": WorkflowRun(status="CANCELLED", started_at=NOW, revision=1, cancel_requested_at=NOW),
}
ALLOWED = {
    why_not.cancel: {"requested", "active"},
    why_not.mark: {"active", "done", "failed", "cancelled"},
    why_not.clear: {"active", "done", "failed", "cancelled"},
    why_not.retry: {"failed", "cancelled"},
}


@pytest.mark.parametrize("rule", ALLOWED, ids=lambda rule: str(rule.__name__))
@pytest.mark.parametrize("state", STATES)
def test_what_may_be_done_to_a_run(rule: "object", state: str) -> None:
    run = STATES[state]
    run.workflow = Workflow(id="a")
    why = rule(run)  # type: ignore[operator]

    assert (not why) == (state in ALLOWED[rule])  # type: ignore[index]


@pytest.mark.parametrize("fields", [{"is_paused": True}, {"retired_at": NOW}])
def test_airflow_would_not_run_the_steps_of_what_is_paused_or_retired(fields: dict[str, object]) -> None:
    run = STATES["failed"]
    run.workflow = Workflow(id="a", **fields)

    assert "Airflow would not run its steps" in why_not.clear(run)
    assert "Airflow would not run its steps" in why_not.retry(run)
    assert why_not.mark(run) == ""


def test_pausing_has_two_sides() -> None:
    running, paused = Workflow(id="a"), Workflow(id="a", is_paused=True)
    retired = Workflow(id="a", retired_at=NOW, is_paused=True)

    assert [bool(why_not.pause(each)) for each in (running, paused, retired)] == [False, True, True]
    assert [bool(why_not.unpause(each)) for each in (running, paused, retired)] == [True, False, False]
