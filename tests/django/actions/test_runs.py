from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from windsock.django.actions import operating, runs
from windsock.django.models import Workflow, WorkflowRun
from windsock.django.signals import workflow_run_finished
from windsock.errors import InvalidParams, RunRefused
from windsock.run import Status

pytestmark = pytest.mark.django_db
THEN = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_requested_run_waits_for_the_relay(workflow: Workflow) -> None:
    run = runs.request(workflow, {"day": "mon"})

    assert run.run_id == f"windsock__{run.id}"
    assert (run.status, run.params, run.origin) == ("PENDING", {"day": "mon"}, "request")
    assert run.next_send_at is not None


def test_every_unknown_param_is_named(workflow: Workflow) -> None:
    with pytest.raises(InvalidParams) as caught:
        runs.request(workflow, {"day": 1, "hour": 2, "week": 3})

    assert [field for field, _ in caught.value.problems] == ["params.hour", "params.week"]


def test_what_does_not_fit_is_named_before_airflow_is_asked(workflow: Workflow) -> None:
    version = workflow.versions.get(revision=5)
    version.document["params"] = {
        "day": {"default": "mon", "schema": {"enum": ["mon", "tue"]}},
        "count": {"schema": {"type": "integer"}},
    }
    version.save()
    with pytest.raises(InvalidParams) as caught:
        runs.request(workflow, {"day": "sun"})

    assert dict(caught.value.problems) == {
        "params.day": "'sun' is not one of ['mon', 'tue']",
        "params.count": "must be given: it has no default",
    }
    assert not WorkflowRun.objects.exists()
    assert runs.request(workflow, {"count": 3}).params == {"count": 3}


def test_a_retired_workflow_is_not_run(workflow: Workflow) -> None:
    workflow.retired_at = THEN
    with pytest.raises(RunRefused, match="retired"):
        runs.request(workflow)


def test_a_run_is_refused_only_while_it_waits(workflow: Workflow) -> None:
    waiting, taken = runs.request(workflow), runs.request(workflow)
    runs.sent(taken)
    for run in (waiting, taken):
        runs.refuse(run, "no")

    assert WorkflowRun.objects.get(pk=waiting.pk).message == "no"
    assert WorkflowRun.objects.get(pk=waiting.pk).status == "FAILED"
    assert WorkflowRun.objects.get(pk=taken.pk).status == "PENDING"


def test_a_run_that_ends_before_it_began_is_told(
    workflow: Workflow, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[str] = []

    def receive(run: WorkflowRun, **_: Any) -> None:
        told.append(run.status)

    workflow_run_finished.connect(receive)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            runs.refuse(runs.request(workflow), "no", Status.CANCELLED)
    finally:
        workflow_run_finished.disconnect(receive)

    assert told == ["CANCELLED"]


def test_a_run_that_was_cancelled_while_it_was_sent_is_to_be_ended(workflow: Workflow) -> None:
    run = runs.request(workflow)
    operating.cancel(WorkflowRun.objects.get())
    runs.sent(run)

    run.refresh_from_db()
    assert run.status == "CANCELLED"
    assert run.next_send_at is not None


def test_what_is_cancelled_is_neither_postponed_nor_explained(workflow: Workflow) -> None:
    run = runs.request(workflow)
    operating.cancel(WorkflowRun.objects.get())
    runs.postpone(run, timezone.now(), "later")
    runs.explain(run, "because")

    run.refresh_from_db()
    assert (run.next_send_at, run.message) == (None, operating.BEFORE_IT_BEGAN)
