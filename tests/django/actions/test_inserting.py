from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.django import jobs

from windsock.django.actions import inserting
from windsock.django.actions.inserting import as_record, insert
from windsock.django.models import TaskRun
from windsock.django.models.keys import uuid7

pytestmark = pytest.mark.django_db

NAMES = [field.attname for field in TaskRun._meta.concrete_fields]


def row(**columns: Any) -> dict[str, Any]:
    now = timezone.now()
    given = {
        "task": jobs.add.module_path,
        "name": "add",
        "args": [1, "ü\\u0000"],
        "kwargs": {"b": None},
        "sensitive": ["b", 1],
        "unique_key": None,
        "created_at": now,
        "updated_at": now,
    }
    return given | {"id": uuid7()} | columns


def full() -> dict[str, Any]:
    """A value in every column that may be given."""
    user = get_user_model().objects.create_user(f"user {uuid7()}")
    first = row()
    insert([first], using="default")
    return row(
        backend="other",
        queue_name="slow",
        priority=-7,
        takes_context=True,
        input_data={"a": [1.5, "x"]},
        unique_key=uuid7().hex,
        max_attempts=4,
        retry_delay=timedelta(days=2, seconds=3, microseconds=4),
        timeout=timedelta(milliseconds=5),
        result_ttl=timedelta(hours=6),
        owner_id=user.pk,
        operation="CREATE",
        related_table="t",
        related_id="'; DROP TABLE x",
        retry_of_id=first["id"],
        run_after=timezone.now(),
        next_send_at=timezone.now() + timedelta(minutes=1),
    )


def through_the_orm(values: dict[str, Any]) -> dict[str, Any]:
    run = TaskRun(**values)
    run.save(force_insert=True)
    TaskRun.objects.filter(pk=run.pk).update(created_at=values["created_at"], updated_at=values["updated_at"])
    return TaskRun.objects.filter(pk=run.pk).values(*NAMES).get()


@pytest.mark.parametrize("make", [row, full])
@pytest.mark.parametrize("count", [1, 2])
def test_a_row_is_what_the_orm_would_have_written(make: Any, count: int) -> None:
    """Defaults of the model and of the statement must not drift apart."""
    given = make()
    expected = through_the_orm(given)
    TaskRun.objects.filter(pk=given["id"]).delete()

    inserted = insert([given, *(row() for _ in range(count - 1))], using="default")

    assert len(inserted) == count
    assert TaskRun.objects.filter(pk=given["id"]).values(*NAMES).get() == expected
    shown = as_record(given, using="default")
    assert {name: getattr(shown, name) for name in NAMES} == expected
    assert not shown._state.adding


def test_every_column_has_its_place() -> None:
    assert inserting.LATER | inserting.CONSTANT | set(full()) == set(NAMES)
    assert not (inserting.LATER | inserting.CONSTANT) & set(full())


def test_a_batch_is_one_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inserting, "BATCH", 10)
    with CaptureQueriesContext(connection) as queries:
        inserted = insert([row() for _ in range(25)], using="default")

    assert (len(inserted), len(queries), TaskRun.objects.count()) == (25, 3, 25)


@pytest.mark.parametrize("count", [1, 3])
def test_a_key_that_is_unfinished_is_left_out(count: int) -> None:
    key = "k" * 64
    rows = [row(unique_key=key) for _ in range(count)]
    (first,) = insert(rows, using="default")
    assert not insert([row(unique_key=key) for _ in range(count)], using="default")

    TaskRun.objects.filter(pk=first).update(status="DONE")
    assert len(insert([row(unique_key=key), row()], using="default")) == 2


@pytest.mark.parametrize("count", [1, 2])
def test_what_the_column_cannot_hold_is_refused(count: int) -> None:
    for value, error in ((object(), TypeError), ("\x00", ValueError), ("\udfff", ValueError)):
        with pytest.raises(error):
            insert([row(args=[value]) for _ in range(count)], using="default")
    assert not TaskRun.objects.exists()
