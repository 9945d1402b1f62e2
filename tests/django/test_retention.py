from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from windsock.django import retention
from windsock.django.actions import tokens
from windsock.django.models import ApiToken, IdempotencyKey, TaskRun, Workflow, WorkflowRun
from windsock.django.models.keys import first_key, uuid7
from windsock.run import FINISHED, Status

pytestmark = pytest.mark.django_db

WEEK = timedelta(days=7)


def key(days: float) -> UUID:
    """A key as it was made ``days`` ago."""
    return UUID(int=first_key(timezone.now() - timedelta(days=days)).int | uuid7().int & (1 << 76) - 1)


def record(days: float, status: Status = Status.DONE, **fields: object) -> TaskRun:
    ended = timezone.now() - timedelta(days=days) if status in FINISHED else None
    values = {"task": "a.b", "name": "b", "status": status, "finished_at": ended}
    return TaskRun.objects.create(pk=key(days), **values | fields)


def test_what_ended_long_enough_ago_goes_and_nothing_else() -> None:
    kept = {
        record(days=6).pk,
        record(days=90, status=Status.PENDING).pk,
        record(days=90, status=Status.PROCESSING).pk,
        record(days=90, finished_at=timezone.now() - timedelta(days=1)).pk,
    }
    for status in FINISHED:
        record(days=8, status=status)

    found = retention.prune(keep=WEEK)

    assert found[retention.TASKS] == len(FINISHED)
    assert set(TaskRun.objects.values_list("pk", flat=True)) == kept


def test_records_are_kept_for_ever_unless_told(settings: object) -> None:
    record(days=5000)
    assert retention.prune()[retention.TASKS] == 0

    settings.WINDSOCK = {"RETENTION_DAYS": "30"}  # type: ignore[attr-defined]
    assert retention.prune()[retention.TASKS] == 1


def test_batches_are_small_and_all_of_them_are_gone_through() -> None:
    for days in range(8, 15):
        record(days=days)
        record(days=days, finished_at=timezone.now())  # in between, and to be passed over

    sizes = [number for kind, number in retention.batches(keep=WEEK, batch=3) if kind == retention.TASKS]

    assert max(sizes) <= 3
    assert sum(sizes) == 7
    assert TaskRun.objects.count() == 7


def test_a_dry_run_counts_and_deletes_nothing() -> None:
    record(days=8)
    record(days=1, result={"a": 1}, result_expires_at=timezone.now())
    IdempotencyKey.objects.create(digest="old")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))

    found = retention.prune(keep=WEEK, dry_run=True)

    assert (found[retention.TASKS], found[retention.RESULTS], found[retention.KEYS]) == (1, 1, 1)
    assert TaskRun.objects.count() == 2
    assert TaskRun.objects.filter(result={"a": 1}).exists()
    assert IdempotencyKey.objects.exists()


def test_a_later_try_forgets_which_it_was() -> None:
    first = record(days=9, status=Status.FAILED)
    second = record(days=1, retry_of=first)

    retention.prune(keep=WEEK)

    second.refresh_from_db()
    assert second.retry_of_id is None


def test_a_workflow_run_goes_with_its_steps_and_not_before_they_end() -> None:
    workflow = Workflow.objects.create(pk="w", source="shop.Report")
    old, busy, young = (
        WorkflowRun.objects.create(
            pk=key(days),
            workflow=workflow,
            run_id=str(number),
            status=Status.DONE,
            finished_at=timezone.now() - timedelta(days=days),
        )
        for number, days in enumerate((9, 9, 1))
    )
    for number in range(5):
        record(days=9, workflow_run=old, step="s", map_index=number)
    record(days=9, status=Status.PROCESSING, workflow_run=busy, step="s")
    record(days=9, workflow_run=young, step="s")

    found = retention.prune(keep=WEEK, batch=2)

    assert found[retention.RUNS] == 1
    assert set(WorkflowRun.objects.values_list("pk", flat=True)) == {busy.pk, young.pk}
    assert {run.workflow_run_id for run in TaskRun.objects.all()} == {busy.pk, young.pk}


def test_an_expired_result_goes_and_its_record_stays() -> None:
    gone = record(days=1, result={"rows": [1]}, result_expires_at=timezone.now() - timedelta(seconds=1))
    kept = record(days=1, result={"rows": [1]}, result_expires_at=timezone.now() + timedelta(hours=1))
    before = gone.updated_at

    assert retention.prune()[retention.RESULTS] == 1
    assert retention.prune()[retention.RESULTS] == 0

    gone.refresh_from_db()
    kept.refresh_from_db()
    assert (gone.result, gone.status, gone.updated_at) == (None, Status.DONE, before)
    assert gone.result_expires_at is not None
    assert kept.result == {"rows": [1]}


def test_old_idempotency_keys_and_expired_tokens_go() -> None:
    user = User.objects.create_user("ann")
    for lifetime in (timedelta(0), timedelta(days=1), None):
        tokens.issue(user, lifetime=lifetime)
    for number, hours in enumerate((1, 23, 25, 50)):
        IdempotencyKey.objects.create(digest=str(number))
        created = timezone.now() - timedelta(hours=hours)
        IdempotencyKey.objects.filter(digest=str(number)).update(created_at=created)

    found = retention.prune(batch=1)

    assert (found[retention.KEYS], found[retention.TOKENS]) == (2, 1)
    assert IdempotencyKey.objects.count() == 2
    assert ApiToken.objects.count() == 2


def test_no_batch_reads_a_table_as_a_whole() -> None:
    """The planner has no statistics here, so it is told what a big table would tell it."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    with CaptureQueriesContext(connection) as queries:
        retention.prune(keep=WEEK)
    looks = [query["sql"] for query in queries if "windsock_taskrun" in query["sql"]]
    assert looks
    for statement in looks:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "Seq Scan on windsock_taskrun" not in plan, plan
