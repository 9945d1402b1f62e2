import pytest

from windsock.django.actions import liveness, refusals, revisions
from windsock.django.actions import workflows as actions
from windsock.django.actions.workflows import Plan
from windsock.django.history import version_at
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.workflow import Step
from windsock.workflow import Workflow as Definition

pytestmark = pytest.mark.django_db


def publish(title: str = "", id: str = "a") -> None:
    definition = Definition(id=id, title=title, steps=(Step(name="s", task="shop.tasks.sync"),))
    actions.publish([Plan(source="test", key=id, id=id, definition=definition)])
    revisions.number()


def go_live() -> None:
    liveness.settle(liveness.open_versions())


def version(revision: int) -> WorkflowVersion:
    return WorkflowVersion.objects.get(revision=revision)


def workflow() -> Workflow:
    return Workflow.objects.get(id="a")


@pytest.fixture(autouse=True)
def live_and_edited() -> None:
    publish("one")
    go_live()
    publish("two")


def test_a_refused_version_leaves_the_last_good_one_in_force() -> None:
    refusals.report("a", 2, "no such pool")

    assert workflow().problem == "Airflow: no such pool"
    assert version(2).refusal == "no such pool"
    assert workflow().live_revision == 1
    assert version_at("a") == version_at("a", 2) == version(1)


def test_nobody_waits_for_a_refused_version() -> None:
    refusals.report("a", 2, "no such pool")

    assert liveness.open_versions() == []


def test_telling_it_again_changes_no_more_than_the_words() -> None:
    for message in ("no such pool", "no such pool", "no such queue"):
        refusals.report("a", 2, message)

    assert (version(2).refusal, workflow().problem) == ("no such queue", "Airflow: no such queue")
    assert liveness.open_versions() == []


def test_a_good_version_that_was_superseded_unseen_is_looked_for() -> None:
    publish("three")
    refusals.report("a", 3, "no such pool")

    [waiting] = liveness.open_versions()
    assert waiting.revision == 2
    publish("x", "b")
    assert {version.revision for version in liveness.open_versions()} == {2, 4}, "and stays so"
    liveness.settle([waiting])
    assert (workflow().live_revision, workflow().problem) == (2, "Airflow: no such pool")


def test_a_report_that_comes_late_is_about_its_own_version() -> None:
    publish("three")
    refusals.report("a", 2, "no such pool")

    assert workflow().problem == ""
    assert version(2).refusal == "no such pool"
    assert (version_at("a", 2), version_at("a", 3)) == (version(1), version(3))


def test_a_correction_takes_the_problem_back() -> None:
    refusals.report("a", 2, "no such pool")
    publish("mended")

    assert workflow().problem == ""
    assert [version.revision for version in liveness.open_versions()] == [3]
    go_live()
    assert (workflow().live_revision, version_at("a", 2)) == (3, version(1))


def test_going_back_to_the_good_definition_is_a_correction() -> None:
    refusals.report("a", 2, "no such pool")
    publish("one")

    assert (workflow().problem, version(3).digest) == ("", version(1).digest)


def test_publishing_the_refused_definition_again_is_no_correction() -> None:
    refusals.report("a", 2, "no such pool")
    publish("two")

    assert (workflow().problem, WorkflowVersion.objects.count()) == ("Airflow: no such pool", 2)


def test_what_airflow_takes_at_last_is_published_anew() -> None:
    """At the revisions in between the other version was in force, also for a run that is cleared later."""
    refusals.report("a", 2, "no such pool")
    refusals.report("a", 2, "")
    revisions.number()

    assert workflow().problem == ""
    assert (version(3).document, version(3).comment) == (version(2).document, refusals.TAKEN_NOW)
    assert (version_at("a", 2), version_at("a")) == (version(1), version(3))
    refusals.report("a", 2, "")
    assert WorkflowVersion.objects.count() == 3


def test_what_is_superseded_or_retired_is_not_published_anew() -> None:
    refusals.report("a", 2, "no such pool")
    publish("three")
    refusals.report("a", 2, "")
    assert WorkflowVersion.objects.count() == 3

    refusals.report("a", 3, "no such pool")
    Workflow.objects.update(retired_at="2026-01-01T00:00Z")
    refusals.report("a", 3, "")
    assert WorkflowVersion.objects.count() == 3


def test_a_version_that_was_in_force_stays_so() -> None:
    """A new policy may refuse it; the runs that were begun with it keep it."""
    go_live()
    refusals.report("a", 2, "forbidden")

    assert (workflow().problem, version(2).refusal) == ("Airflow: forbidden", "")
    assert version_at("a") == version(2)
    refusals.report("a", 2, "")
    assert (workflow().problem, WorkflowVersion.objects.count()) == ("", 2)


def test_the_schedule_of_a_retired_workflow_stops_in_what_is_in_force() -> None:
    refusals.report("a", 2, "no such pool")
    WorkflowVersion.objects.filter(revision=1).update(document={"id": "a", "schedule": {"cron": ["@daily"]}})
    WorkflowRun.objects.create(workflow_id="a", run_id="r", status="PROCESSING")
    actions.retire("test", ["a"])

    newest = WorkflowVersion.objects.order_by("id").last()
    assert newest is not None
    assert newest.document == {"id": "a"}


def test_a_report_about_what_is_not_here_changes_nothing() -> None:
    refusals.report("gone", 1, "no such pool")
    refusals.report("gone", 1, "")
    refusals.report("a", 99, "no such pool")

    assert version_at("a") == version(2)


def test_what_airflow_lost_is_published_again() -> None:
    refusals.publish_again("a", 1, "lost")
    assert WorkflowVersion.objects.count() == 2
    refusals.publish_again("a", 2, "lost")
    revisions.number()

    assert (version(3).digest, version(3).comment) == (version(2).digest, "lost")
