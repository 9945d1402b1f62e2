import threading

import pytest
from django.db import connection, transaction

from windsock.django.actions import liveness, revisions
from windsock.django.actions.liveness import Open
from windsock.django.models import Workflow, WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def version() -> Open:
    workflow = Workflow.objects.create(id="a", source="test")
    WorkflowVersion.objects.create(workflow=workflow, digest="1", document={})
    revisions.number()
    return liveness.open_versions()[0]


def test_the_newest_numbered_version_is_open_until_it_is_settled(version: Open) -> None:
    WorkflowVersion.objects.create(workflow_id="a", digest=revisions.TOMBSTONE)
    assert liveness.open_versions() == [version]
    revisions.number()
    [newer] = liveness.open_versions()
    assert (newer.revision, newer.is_tombstone) == (2, True)

    assert liveness.settle(newer)
    assert liveness.open_versions() == []
    assert Workflow.objects.get().live_revision is None


def test_what_is_in_force_clears_what_airflow_said(version: Open) -> None:
    liveness.mark_stuck(version, "slow")
    assert Workflow.objects.get().problem == "Not live yet: slow"
    liveness.settle(version)

    workflow = Workflow.objects.get()
    assert (workflow.problem, workflow.live_revision) == ("", 1)
    assert WorkflowVersion.objects.get().live_at is not None


def test_the_problem_of_the_row_stays(version: Open) -> None:
    Workflow.objects.update(problem="title: bad")
    liveness.mark_stuck(version, "slow")
    liveness.settle(version)

    assert Workflow.objects.get().problem == "title: bad"


def test_a_person_who_holds_the_row_is_not_waited_for(version: Open) -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Workflow.objects.select_for_update().get()
                held.set()
                assert done.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    assert not liveness.settle(version)
    assert not liveness.mark_stuck(version, "slow")
    done.set()
    thread.join(10)
    assert liveness.settle(version)
