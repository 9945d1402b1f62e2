import threading

import pytest
from django.db import connection, transaction

from windsock.django.actions import revisions
from windsock.django.models import Workflow, WorkflowVersion
from windsock.django.relay import loop

pytestmark = pytest.mark.django_db(transaction=True)


def write(workflow: Workflow, digest: str = "") -> WorkflowVersion:
    return WorkflowVersion.objects.create(workflow=workflow, digest=digest, document={})


def revision(version: WorkflowVersion) -> int | None:
    return WorkflowVersion.objects.get(pk=version.pk).revision


@pytest.fixture
def workflow() -> Workflow:
    return Workflow.objects.create(id="a", source="test")


def test_revisions_ascend_without_gaps_in_the_order_of_writing(workflow: Workflow) -> None:
    versions = [write(workflow) for _ in range(5)]

    assert revisions.number() == 5
    assert [revision(version) for version in versions] == [1, 2, 3, 4, 5]
    assert revisions.number() == 0


def test_superseded_versions_are_settled(workflow: Workflow) -> None:
    other = Workflow.objects.create(id="b", source="test")
    old, lone = write(workflow), write(other)
    revisions.number()
    new = write(workflow)
    revisions.number()

    settled = WorkflowVersion.objects.filter(is_settled=True)
    assert [version.pk for version in settled] == [old.pk]
    assert {lone.pk, new.pk} == set(WorkflowVersion.objects.exclude(pk=old.pk).values_list("pk", flat=True))


def test_the_number_is_given_after_the_commit(workflow: Workflow) -> None:
    with transaction.atomic():
        version = write(workflow)
        revisions.announce()
        assert revision(version) is None

    assert revision(version) == 1


def test_of_two_transactions_that_commit_in_reverse_order_both_are_seen() -> None:
    """The first to write is the last to commit: its revision must come after what a reader has seen."""
    first, second = (Workflow.objects.create(id=name, source="test") for name in "ab")
    written, committed = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                write(first)
                revisions.announce()
                written.set()
                assert committed.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert written.wait(10)
    with transaction.atomic():
        quick = write(second)
        revisions.announce()
    seen = revision(quick)
    committed.set()
    thread.join(10)

    late = WorkflowVersion.objects.get(workflow=first).revision
    assert seen is not None
    assert late is not None
    assert late > seen


def test_numbering_does_not_wait_for_the_relay(workflow: Workflow) -> None:
    version = write(workflow)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [loop.LOCK])
    thread = threading.Thread(target=_number_elsewhere)
    thread.start()
    thread.join(5)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [loop.LOCK])
    thread.join(5)

    assert revision(version) == 1
    assert loop.LOCK != revisions._LOCK


def _number_elsewhere() -> None:
    try:
        revisions.number()
    finally:
        connection.close()


def test_a_transaction_that_is_open_does_not_hold_up_the_others(workflow: Workflow) -> None:
    """A long transaction of somebody's request holds the workflow's row; numbering goes on."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Workflow.objects.select_for_update().get(pk=workflow.pk)
                held.set()
                assert done.wait(10)
        finally:
            connection.close()

    version = write(workflow)
    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '2s'")
        assert revisions.number() == 1
        cursor.execute("RESET statement_timeout")
    done.set()
    thread.join(10)

    assert revision(version) == 1
