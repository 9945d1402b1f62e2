from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from windsock.django.actions import runs
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.django.observed import DagRun
from windsock.errors import InvalidParams, RunRefused
from windsock.run import AIRFLOW_RUN_STATES, Status

pytestmark = pytest.mark.django_db
THEN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def workflow() -> Workflow:
    workflow = Workflow.objects.create(id="a", source="test")
    document = {
        "id": "a",
        "params": {"day": {}},
        "steps": [{"name": "one", "task": "shop.tasks.old"}],
    }
    WorkflowVersion.objects.create(workflow=workflow, digest="1", revision=3, document=document)
    newer = {**document, "steps": [{"name": "one", "task": "shop.tasks.new"}]}
    WorkflowVersion.objects.create(workflow=workflow, digest="2", revision=5, document=newer)
    return workflow


def seen(state: str, **changes: Any) -> DagRun:
    given: dict[str, Any] = {
        "workflow": "a",
        "run_id": "manual__1",
        "state": state,
        "kind": "manual",
        "revision": 3,
        "params": {},
        "logical_date": None,
        "started_at": THEN,
        "finished_at": THEN if state in {"success", "failed"} else None,
        "seen_at": timezone.now() + timedelta(seconds=1),
        **changes,
    }
    return DagRun(**given)


def mirrored(state: str, **changes: Any) -> WorkflowRun:
    run = runs.mirror(seen(state, **changes))
    assert run is not None
    return WorkflowRun.objects.get(pk=run.pk)


def test_a_requested_run_waits_for_the_relay(workflow: Workflow) -> None:
    run = runs.request(workflow, {"day": "mon"})

    assert run.run_id == f"windsock__{run.id}"
    assert (run.status, run.params, run.origin) == ("PENDING", {"day": "mon"}, "request")
    assert run.next_send_at is not None


def test_every_unknown_param_is_named(workflow: Workflow) -> None:
    with pytest.raises(InvalidParams) as caught:
        runs.request(workflow, {"day": 1, "hour": 2, "week": 3})

    assert [field for field, _ in caught.value.problems] == ["params.hour", "params.week"]


def test_a_retired_workflow_is_not_run(workflow: Workflow) -> None:
    workflow.retired_at = THEN
    with pytest.raises(RunRefused, match="retired"):
        runs.request(workflow)


@pytest.mark.parametrize("state", AIRFLOW_RUN_STATES)
def test_every_state_of_a_run_arrives(workflow: Workflow, state: str) -> None:
    run = mirrored(state)

    assert run.status == AIRFLOW_RUN_STATES[state]
    assert (run.started_at, run.revision) == (THEN, 3)
    assert run.finished_at == (THEN if Status(run.status).is_finished else None)


@pytest.mark.parametrize(
    ("run_id", "kind", "origin"),
    [
        (f"windsock__{uuid4()}", "manual", "request"),
        ("scheduled__2026", "scheduled", "schedule"),
        ("manual__2026", "manual", "airflow"),
        ("mine", "manual", "airflow"),
        ("mine", "backfill", "schedule"),
        ("x", "asset_triggered", "schedule"),
        ("x", "operator_triggered", "airflow"),
    ],
)
def test_a_run_tells_who_began_it(workflow: Workflow, run_id: str, kind: str, origin: str) -> None:
    assert mirrored("running", run_id=run_id, kind=kind).origin == origin


def test_a_requested_run_is_found_again(workflow: Workflow) -> None:
    requested = runs.request(workflow, {"day": "mon"})
    run = mirrored("running", run_id=requested.run_id, params={"day": "mon"})

    assert run.pk == requested.pk
    assert run.next_send_at is None


def test_a_run_whose_row_was_lost_gets_its_own_id_back(workflow: Workflow) -> None:
    id = uuid4()

    assert mirrored("running", run_id=f"windsock__{id}").pk == id


def test_seeing_the_same_again_writes_nothing(workflow: Workflow) -> None:
    before = mirrored("running")
    after = mirrored("running")

    assert after.updated_at == before.updated_at


def test_a_cleared_run_is_reopened_in_a_new_generation(workflow: Workflow) -> None:
    assert mirrored("success").generation == 0
    again = mirrored("queued", started_at=None)
    assert (again.generation, again.status, again.finished_at) == (1, "PENDING", None)
    assert mirrored("running").generation == 1
    assert mirrored("failed").generation == 1


def test_old_news_change_nothing(workflow: Workflow) -> None:
    """Airflow was asked, then a step of a cleared run began here, then the answer is read."""
    asked_at = timezone.now()
    mirrored("success")
    WorkflowRun.objects.update(status="PROCESSING", updated_at=timezone.now())

    assert runs.mirror(seen("success", seen_at=asked_at)) is None
    assert WorkflowRun.objects.get().status == "PROCESSING"


def test_an_unknown_state_changes_nothing(workflow: Workflow) -> None:
    assert runs.mirror(seen("dancing")) is None
    assert not WorkflowRun.objects.exists()


def test_a_run_is_refused_only_while_it_waits(workflow: Workflow) -> None:
    waiting, taken = runs.request(workflow), runs.request(workflow)
    runs.sent(taken)
    for run in (waiting, taken):
        runs.refuse(run, "no")

    assert WorkflowRun.objects.get(pk=waiting.pk).message == "no"
    assert WorkflowRun.objects.get(pk=waiting.pk).status == "FAILED"
    assert WorkflowRun.objects.get(pk=taken.pk).status == "PENDING"


def test_a_deleted_run_is_cancelled(workflow: Workflow) -> None:
    run = mirrored("running")
    runs.vanish(run)

    assert WorkflowRun.objects.get().status == "CANCELLED"


def test_a_run_knows_the_tasks_of_its_own_version(workflow: Workflow) -> None:
    assert runs.task_of(mirrored("running", revision=4), "one") == "shop.tasks.old"
    assert runs.task_of(mirrored("running", revision=9), "one") == "shop.tasks.new"
    assert runs.task_of(mirrored("running"), "gone") == ""
