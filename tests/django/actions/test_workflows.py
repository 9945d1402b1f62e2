import threading
from typing import Any

import pytest
from django.db import connection, transaction

from windsock import wire
from windsock.django.actions import refusals, revisions
from windsock.django.actions import workflows as actions
from windsock.django.actions.workflows import Plan
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.workflow import Schedule, Step
from windsock.workflow import Workflow as Definition

pytestmark = pytest.mark.django_db


def plan(id: str = "a", key: str = "1", **changes: Any) -> Plan:
    given = {"id": id, "steps": (Step(name="s", task="shop.tasks.sync"),), **changes}
    return Plan(source="test", key=key, id=id, definition=Definition(**given))


def documents(id: str = "a") -> list[Any]:
    versions = WorkflowVersion.objects.filter(workflow=id).order_by("id")
    return list(versions.values_list("document", flat=True))


def test_a_version_is_written_only_when_the_digest_changed() -> None:
    assert actions.publish([plan(), plan("b", "2")]) == 2
    assert actions.publish([plan(), plan("b", "2", title="new")]) == 1
    assert len(documents()) == 1
    assert Workflow.objects.get(id="b").title == "new"


def numbers() -> list[int | None]:
    return list(WorkflowVersion.objects.order_by("id").values_list("revision", flat=True))


@pytest.mark.django_db(transaction=True)
def test_publishing_numbers_nothing_before_the_commit() -> None:
    """A number that is taken earlier may be seen after a higher one, and is skipped then."""
    with transaction.atomic():
        actions.publish([plan(), plan("b", "2")])
        assert numbers() == [None, None]

    assert numbers() == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_leaves_nothing() -> None:
    with transaction.atomic():
        actions.publish([plan()])
        transaction.set_rollback(True)

    assert not Workflow.objects.exists()
    assert numbers() == []
    assert revisions.number() == 0


def test_going_back_to_an_old_definition_is_a_new_version() -> None:
    for title in ("x", "y", "x"):
        actions.publish([plan(title=title)])

    assert [document["title"] for document in documents()] == ["x", "y", "x"]


@pytest.mark.parametrize("number", [1e16, 1e22, -0.0, 1.0, 0.1, 1e-7, 123456789012345678, 1.5e300])
def test_the_digest_is_that_of_the_document_read_back(number: float) -> None:
    actions.publish([plan(steps=(Step(name="s", task="shop.tasks.sync", args=(number,)),))])

    version = WorkflowVersion.objects.get()
    assert version.digest == wire.digest(version.document)
    assert version.document is not None
    assert wire.from_json(Definition, version.document).steps[0].args[0] == number


def test_what_airflow_says_stays_until_something_else_is_published() -> None:
    actions.publish([plan()])
    revisions.number()
    refusals.report("a", 1, "no such pool")
    assert Workflow.objects.get().problem == "Airflow: no such pool"
    actions.publish([plan()])
    assert Workflow.objects.get().problem == "Airflow: no such pool"

    refusals.report("a", 1, "")
    assert Workflow.objects.get().problem == ""


def test_a_report_about_an_old_revision_changes_nothing() -> None:
    actions.publish([plan()])
    revisions.number()
    actions.publish([plan(title="mended")])
    revisions.number()
    refusals.report("a", 1, "no such pool")

    assert Workflow.objects.get().problem == ""


def test_an_empty_report_keeps_the_problem_of_the_row() -> None:
    actions.publish([plan()])
    revisions.number()
    actions.publish([Plan(source="test", key="1", id="a", problems=(("title", "bad"),))])
    refusals.report("a", 1, "")

    assert Workflow.objects.get().problem == "title: bad"


def test_a_retired_workflow_without_active_runs_is_buried_at_once() -> None:
    actions.publish([plan(), plan("b", "2")])

    assert actions.retire("test", ["1", "unknown"]) == 1
    assert documents()[-1] is None
    assert documents("b")[-1] is not None
    assert actions.retire("test", ["1"]) == 0


def test_an_active_run_of_a_retired_workflow_may_end_first() -> None:
    """Airflow does not schedule the tasks of a DAG that is gone: the tombstone waits, the schedule stops."""
    actions.publish([plan(schedule=Schedule(cron=("@daily",)))])
    run = WorkflowRun.objects.create(workflow_id="a", run_id="r", status="PROCESSING")
    actions.retire("test", ["1"])

    assert [document and "schedule" in document for document in documents()] == [True, False]
    assert actions.bury() == 0
    WorkflowRun.objects.filter(pk=run.pk).update(status="DONE")
    assert actions.bury(["a"]) == 1
    assert actions.bury() == 0
    assert documents()[-1] is None


def test_a_workflow_that_never_had_a_version_leaves_no_tombstone() -> None:
    actions.publish([Plan(source="test", key="1", id="a", problems=(("", "bad"),))])
    actions.retire("test", ["1"])

    assert documents() == []
    assert Workflow.objects.get().retired_at is not None


def test_a_retired_id_may_be_taken_over() -> None:
    actions.publish([plan()])
    actions.retire("test", ["1"])
    actions.publish([plan(key="2")])

    stored = Workflow.objects.get()
    assert (stored.source_key, stored.retired_at) == ("2", None)


def test_conflicts_are_told_before_anything_is_written() -> None:
    actions.publish([plan()])

    assert actions.conflicts(plan()) == ()
    assert actions.conflicts(plan(key="2")) == (("id", "'a' is the workflow of test 1"),)


def test_outdated_names_what_publish_would_write() -> None:
    plans = [plan(), plan("b", "2"), plan("c", "3")]
    assert actions.outdated(plans) == plans
    actions.publish(plans)
    assert actions.outdated(plans) == []
    changed = [plan(), plan("b", "2", description="other"), Plan(source="test", key="3", id="")]

    assert actions.outdated(changed) == changed[1:]


@pytest.mark.django_db(transaction=True)
def test_a_workflow_that_comes_back_meanwhile_is_not_buried() -> None:
    actions.publish([plan()])
    run = WorkflowRun.objects.create(workflow_id="a", run_id="r", status="PROCESSING")
    actions.retire("test", ["1"])
    WorkflowRun.objects.filter(pk=run.pk).update(status="DONE")
    buried: list[int] = []

    def bury() -> None:
        try:
            buried.append(actions.bury())
        finally:
            connection.close()

    with transaction.atomic():
        actions.publish([plan(title="back")])
        thread = threading.Thread(target=bury)
        thread.start()
        thread.join(10)

    assert buried == [0]
    assert documents()[-1]["title"] == "back"
