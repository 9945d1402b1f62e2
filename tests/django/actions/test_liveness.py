import threading
from typing import Any

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

    assert liveness.settle([newer]) == {"a"}
    assert liveness.open_versions() == []
    assert Workflow.objects.get().live_revision is None


def test_what_is_in_force_clears_what_airflow_said(version: Open) -> None:
    liveness.mark_stuck(["a"], "slow")
    assert Workflow.objects.get().problem == "Not live yet: slow"
    liveness.settle([version])

    workflow = Workflow.objects.get()
    assert (workflow.problem, workflow.live_revision) == ("", 1)
    assert WorkflowVersion.objects.get().live_at is not None


def test_the_problem_of_the_row_stays(version: Open) -> None:
    Workflow.objects.update(problem="title: bad")
    liveness.mark_stuck(["a"], "slow")
    liveness.settle([version])

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
    assert liveness.settle([version]) == set()
    assert liveness.mark_stuck(["a"], "slow") == set()
    done.set()
    thread.join(10)
    assert liveness.settle([version]) == {"a"}


def test_only_what_is_newer_may_be_read(version: Open) -> None:
    assert liveness.open_versions(after=version.revision) == []
    assert liveness.open_versions(after=version.revision - 1) == [version]


def test_many_are_settled_by_as_many_statements_as_one(
    version: Open, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        workflow = Workflow.objects.create(id=f"w{number}", source="test", problem="Not live yet: slow")
        digest = revisions.TOMBSTONE if number % 2 else "1"
        WorkflowVersion.objects.create(workflow=workflow, digest=digest)
    revisions.number()
    waiting = liveness.open_versions()
    with django_assert_max_num_queries(10):
        assert len(liveness.settle(waiting)) == 31

    found = dict(Workflow.objects.values_list("id", "live_revision"))
    assert (found["a"], found["w0"], found["w1"], found["w28"]) == (1, 2, None, 30)
    assert not Workflow.objects.exclude(problem="").exists()
    assert not WorkflowVersion.objects.filter(live_at=None).exists()


def test_what_was_in_force_can_be_looked_for_again(version: Open) -> None:
    assert version.is_first
    liveness.settle([version])
    assert liveness.reopen(["a", "gone"]) == 1
    [again] = liveness.open_versions()
    assert (again.revision, again.is_lost, again.is_first) == (1, True, False)
    assert liveness.reopen(["a"]) == 0


def test_what_airflow_refuses_or_is_retired_is_not_looked_for(version: Open) -> None:
    liveness.settle([version])
    Workflow.objects.update(problem="Airflow: forbidden")
    assert liveness.reopen(["a"]) == 0
    Workflow.objects.update(problem="", retired_at="2026-01-01T00:00Z")
    assert liveness.reopen(["a"]) == 0
