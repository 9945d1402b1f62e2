from datetime import timedelta

import pytest
from django.utils import timezone
from tests.django.fake_airflow import FakeAirflow

from windsock.django.actions import refusals, runs
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.django.relay.runs import Starter

pytestmark = pytest.mark.django_db
DIGEST = "a" * 32


@pytest.fixture
def fake() -> FakeAirflow:
    fake = FakeAirflow()
    fake.serve("w", 1, DIGEST)
    return fake


@pytest.fixture
def version() -> WorkflowVersion:
    workflow = Workflow.objects.create(id="w", source="test", live_revision=1)
    document = {"id": "w", "params": {"day": {}}}
    return WorkflowVersion.objects.create(
        workflow=workflow, digest=DIGEST, document=document, revision=1, is_settled=True
    )


@pytest.fixture
def run(version: WorkflowVersion) -> WorkflowRun:
    return runs.request(version.workflow, {"day": "mon"})


def stored() -> WorkflowRun:
    return WorkflowRun.objects.get()


def test_a_run_of_a_live_workflow_is_started(fake: FakeAirflow, run: WorkflowRun) -> None:
    assert Starter(fake.client()).run() is None

    assert [(data["dag_run_id"], data["conf"]) for data in fake.runs.values()] == [
        (run.run_id, {"day": "mon"})
    ]
    assert (stored().status, stored().next_send_at, stored().message) == ("PENDING", None, "")


def test_a_run_that_was_sent_twice_is_one(fake: FakeAirflow, run: WorkflowRun) -> None:
    starter = Starter(fake.client())
    for _ in range(2):
        starter.run()
        WorkflowRun.objects.update(next_send_at=timezone.now())

    assert len(fake.runs) == 1


@pytest.mark.parametrize("revision", [2, None])
def test_a_run_given_with_a_save_waits_for_that_version(
    fake: FakeAirflow, run: WorkflowRun, revision: int | None
) -> None:
    newer = WorkflowVersion.objects.create(workflow_id="w", digest="b" * 32, document={}, revision=revision)
    starter = Starter(fake.client())
    starter.run()
    assert fake.runs == {}
    assert stored().message == "The newest definition is on its way to Airflow."

    WorkflowVersion.objects.filter(pk=newer.pk).update(is_settled=True)
    starter.run()
    assert len(fake.runs) == 1
    assert stored().message == ""


def test_what_airflow_refused_leaves_the_last_good_version_to_run(
    fake: FakeAirflow, run: WorkflowRun
) -> None:
    WorkflowVersion.objects.update(live_at=timezone.now())
    WorkflowVersion.objects.create(workflow_id="w", digest="b" * 32, document={}, revision=2)
    refusals.report("w", 2, "no such pool")
    Starter(fake.client()).run()

    assert len(fake.runs) == 1


def test_a_workflow_of_which_airflow_refused_all_cannot_run(fake: FakeAirflow, run: WorkflowRun) -> None:
    WorkflowVersion.objects.update(is_settled=False, live_at=None)
    Workflow.objects.update(live_revision=None)
    refusals.report("w", 1, "no such pool")
    Starter(fake.client()).run()

    assert (stored().status, stored().message) == ("FAILED", "Airflow: no such pool")


def test_a_refusal_ends_the_run_and_says_why(fake: FakeAirflow, version: WorkflowVersion) -> None:
    runs.request(version.workflow, {"day": 3})
    Starter(fake.client()).run()

    assert stored().status == "FAILED"
    assert "3 is not of type 'string'" in stored().message
    assert stored().finished_at is not None


def test_an_airflow_that_is_away_is_asked_again_later(fake: FakeAirflow, run: WorkflowRun) -> None:
    fake.is_away = True
    starter = Starter(fake.client())
    pause = starter.run()

    assert pause is not None
    assert timedelta(0) < pause <= timedelta(seconds=1)
    assert "cannot be reached" in stored().message
    fake.is_away = False
    WorkflowRun.objects.update(next_send_at=timezone.now())
    starter.run()
    assert len(fake.runs) == 1


def test_the_pause_grows_with_the_age(fake: FakeAirflow, run: WorkflowRun) -> None:
    fake.is_away = True
    WorkflowRun.objects.update(created_at=timezone.now() - timedelta(days=1))
    Starter(fake.client()).run()

    next_send_at = stored().next_send_at
    assert next_send_at is not None
    assert timedelta(seconds=55) < next_send_at - timezone.now() <= timedelta(seconds=60)


def test_one_that_is_refused_holds_up_no_other(fake: FakeAirflow, version: WorkflowVersion) -> None:
    runs.request(version.workflow, {"day": 3})
    runs.request(version.workflow, {"day": "mon"})
    Starter(fake.client()).run()

    assert len(fake.runs) == 1


def test_a_retired_workflow_begins_no_run(fake: FakeAirflow, run: WorkflowRun) -> None:
    Workflow.objects.update(retired_at=timezone.now())
    Starter(fake.client()).run()

    assert (stored().status, fake.runs) == ("CANCELLED", {})


def test_without_airflow_the_run_says_what_is_missing(run: WorkflowRun) -> None:
    Starter(None).run()

    assert stored().status == "PENDING"
    assert "AIRFLOW_URL" in stored().message


def test_nothing_due_asks_airflow_nothing(fake: FakeAirflow, version: WorkflowVersion) -> None:
    assert Starter(fake.client()).run() is None
    assert fake.requests == []
