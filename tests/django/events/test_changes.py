import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from tests.django.events.conftest import MakeRun, Slow

from windsock.django.api.tasks import task_json
from windsock.django.events import changes
from windsock.django.events.positions import LAST, START, Position
from windsock.django.models import TaskRun


def data(change: changes.Change) -> dict[str, Any]:
    name, line, *rest = change.event.decode().split("\n")
    assert (name, rest) == ("event: task", ["", ""])
    return dict(json.loads(line.removeprefix("data: ")))


def test_an_event_is_the_apis_task_without_what_may_be_large(make_run: MakeRun, ann: User) -> None:
    run = make_run(
        *(ann,),
        **{"status": "FAILED", "progress": 40, "operation": "CREATE", "related_table": "users"},
        **{"input_data": {"line": "a\nb"}, "result": {"errors": {}}, "message": "no"},
    )
    run.refresh_from_db()
    (change,) = changes.after(TaskRun.objects.all(), START, changes.now().horizon)
    expected = task_json(run)
    del expected["input_data"], expected["result"]
    assert data(change) == expected
    assert set(expected) == {
        *("id", "status", "task_name", "created_at", "updated_at", "progress"),
        *("related_table", "related_id", "operation"),
    }
    assert change.finished
    assert change.owner == ann.pk
    assert change.position == Position(run.updated_at, run.pk)


def test_states_come_in_order_and_in_portions(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    at = changes.now().at
    moments = [at - timedelta(minutes=minutes) for minutes in (3, 1, 2, 1, 2)]
    for moment in moments:
        TaskRun.objects.filter(pk=make_run().pk).update(updated_at=moment)
    monkeypatch.setattr(changes, "PORTION", 2)
    position, found = START, []
    while portion := changes.after(TaskRun.objects.all(), position, 0):
        assert len(portion) <= 2
        position = portion[-1].position
        found += [change.position for change in portion]
    assert found == sorted(found)
    assert [position.at for position in found] == sorted(moments)
    until = changes.after(TaskRun.objects.all(), START, 0, at - timedelta(minutes=3))
    assert [change.position.at for change in until] == [moments[0]]


def test_one_query_reads_all_that_an_event_needs(make_run: MakeRun) -> None:
    for _ in range(3):
        make_run()
    with CaptureQueriesContext(connection) as queries:
        assert len(changes.after(TaskRun.objects.all(), START, 0)) == 3
    assert len(queries) == 1
    assert "traceback" not in queries[0]["sql"]


def test_the_transaction_tells_what_is_new(make_run: MakeRun) -> None:
    make_run()
    now = changes.now()
    runs = TaskRun.objects.all()
    assert changes.since(runs, START, now.horizon, now.horizon) == []
    new = make_run()
    assert [change.id for change in changes.since(runs, START, now.horizon, now.horizon)] == [new.pk]


def test_what_was_committed_late_is_found_behind_the_position(make_run: MakeRun, slow_change: Slow) -> None:
    first, second = make_run(), make_run()
    slow = slow_change(first, 30)
    TaskRun.objects.filter(pk=second.pk).update(updated_at=changes.now().at)
    runs = TaskRun.objects.all()
    now = changes.now()
    assert now.horizon != now.following, "a transaction is under way"
    position = changes.after(runs, START, now.horizon)[-1].position
    assert position.id == second.pk
    slow.commit()
    assert changes.after(runs, position, now.horizon) == []
    assert [change.id for change in changes.late(runs, position, now.horizon)] == [first.pk]
    # Somebody whose id carries no horizon gets what is behind it, strictly.
    assert changes.late(runs, Position(position.at, LAST), now.horizon) == []


def test_the_index_on_the_time_serves_the_query(make_run: MakeRun) -> None:
    now = changes.now()
    runs = TaskRun.objects.filter(updated_at__gte=now.at - timedelta(seconds=10))
    with transaction.atomic(), connection.cursor() as cursor:
        # Of a handful of rows every other way is as good; the server may have noticed how few they are.
        for other in ("seqscan", "indexscan"):
            cursor.execute(f"SET LOCAL enable_{other} = off")
        plan = runs.explain()
    assert "windsock_task_updated" in plan
