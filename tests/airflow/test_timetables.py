import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, CronDataIntervalTimetable, TaskGroup
from airflow.serialization import serialized_objects
from airflow.serialization.enums import Encoding
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.timetables import _cron
from airflow.timetables._cron import CronMixin
from airflow.timetables.base import DagRunInfo
from airflow.timetables.interval import CronDataIntervalTimetable as Stored
from croniter import CroniterBadCronError, croniter

from windsock.airflow import timetables
from windsock.airflow.timetables import Croniter


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Airflow's classes as they ship, whatever ran before in this process, and after."""
    describe, decode = CronMixin._describe_with_dom_dow_fix, vars(LazyDeserializedDAG)["timetable"]
    CronMixin._describe_with_dom_dow_fix = getattr(describe, "__wrapped__", describe)
    if not isinstance(decode, property):
        LazyDeserializedDAG.timetable = property(decode.func)
    monkeypatch.setattr(_cron, "croniter", croniter)
    following = LazyDeserializedDAG.next_dagrun_info
    monkeypatch.setattr(LazyDeserializedDAG, "next_dagrun_info", getattr(following, "__wrapped__", following))
    Croniter._apart.clear()
    yield
    CronMixin._describe_with_dom_dow_fix = describe
    LazyDeserializedDAG.timetable = decode


def stored(dag_id: str, cron: str) -> LazyDeserializedDAG:
    timetable = CronDataIntervalTimetable(cron, timezone="Europe/Berlin")
    return LazyDeserializedDAG.from_dag(DAG(dag_id, schedule=timetable))


def test_a_stored_dag_decodes_its_timetable_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    original = serialized_objects.decode_timetable
    monkeypatch.setattr(
        serialized_objects, "decode_timetable", lambda data: decoded.append(1) or original(data)
    )
    dag = stored("shop_sync", "5 3 * * *")
    assert timetables.keep()
    decoded.clear()
    assert dag.timetable is dag.timetable
    assert len(decoded) == 1
    assert dag.timetable.summary == "5 3 * * *"
    assert stored("shop_other", "6 3 * * *").timetable.summary == "6 3 * * *"


def test_an_expression_is_put_in_words_once_and_in_airflows_own(monkeypatch: pytest.MonkeyPatch) -> None:
    expressions = ["5 3 * * *", "*/5 * 1 * 1", "0 0 * * 0"]
    shipped = [Stored(each, timezone="UTC").description for each in expressions]
    asked = []
    original = CronMixin._describe_with_dom_dow_fix
    monkeypatch.setattr(
        CronMixin,
        "_describe_with_dom_dow_fix",
        lambda self, expression: asked.append(expression) or original(self, expression),
    )
    assert timetables.keep()
    for _ in range(2):
        assert [Stored(each, timezone="UTC").description for each in expressions] == shipped
    assert asked == expressions
    assert all(shipped)


def test_words_are_kept_for_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timetables, "KEPT", 2)
    assert timetables.keep()
    for minute in (1, 2, 3, 1):
        assert f"{minute:02d}" in Stored(f"{minute} 3 * * *", timezone="UTC").description


def test_an_expression_is_taken_apart_once_with_the_same_times() -> None:
    expressions = ["5 3 * * *", "*/5 8-17 * * 1-5", "0 0 1,15 * 3", "0 0 * * 5#2", "0 12 15W * *", "@daily"]
    start = datetime(2026, 3, 28, 13, 7)
    assert timetables.keep()
    for expression in expressions:
        for _ in range(2):
            kept, own = (kind(expression, start_time=start) for kind in (Croniter, croniter))
            assert [kept.get_next(datetime) for _ in range(20)] == [own.get_next(datetime) for _ in range(20)]
            assert [kept.get_prev(datetime) for _ in range(20)] == [own.get_prev(datetime) for _ in range(20)]
            assert kept.expanded == own.expanded
            kept.expanded[0].append(61)
    assert set(Croniter._apart) == set(expressions)
    assert _cron.croniter is Croniter


def test_what_depends_on_more_than_the_expression_is_taken_apart_anew() -> None:
    assert Croniter("H 3 * * *", hash_id=b"one").expanded == croniter("H 3 * * *", hash_id=b"one").expanded
    with pytest.raises(CroniterBadCronError):
        Croniter("99 * * * *")
    assert not Croniter._apart


START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
EARLY, LATE = START - timedelta(days=40), END + timedelta(days=40)
CRON = CronDataIntervalTimetable("5 3 * * *", timezone="Europe/Berlin")
PLACES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"schedule": CRON, "start_date": START, "catchup": True}, {}),
    ({"schedule": CRON, "start_date": START, "end_date": END, "catchup": True}, {}),
    ({"schedule": CRON, "start_date": START, "catchup": False}, {}),
    ({"schedule": CRON, "start_date": START, "end_date": END}, {}),
    ({"schedule": CRON}, {"start_date": EARLY}),
    ({"schedule": CRON, "start_date": START, "end_date": END, "catchup": True}, {"end_date": LATE}),
    ({"schedule": timedelta(hours=7), "start_date": START, "catchup": True}, {}),
    ({"schedule": "@once", "start_date": START}, {}),
    ({"schedule": None}, {}),
]


@pytest.mark.parametrize(("dag", "task"), PLACES)
def test_the_next_run_is_that_of_the_whole_dag(dag: dict[str, Any], task: dict[str, Any]) -> None:
    with DAG("shop_next", **dag) as whole:
        EmptyOperator(task_id="sync", **task)
        with TaskGroup("group"):
            EmptyOperator(task_id="tell", **task)
    last = (None, DagRunInfo.interval(START + timedelta(days=3), START + timedelta(days=4)))

    def following() -> list[DagRunInfo | None]:
        stored = LazyDeserializedDAG.from_dag(whole)
        return [stored.next_dagrun_info(last_automated_run_info=info) for info in last]

    own = following()
    assert timetables.keep()
    assert following() == own


def test_the_tasks_of_a_dag_are_not_decoded_for_its_next_run() -> None:
    assert timetables.keep()
    dag = stored("shop_light", "5 3 * * *")
    dag.data["dag"]["tasks"].append({Encoding.VAR: {"task_id": "odd"}, Encoding.TYPE: "nothing known"})
    info = dag.next_dagrun_info(last_automated_run_info=None)
    assert info is not None
    assert info.logical_date is not None
    assert "_real_dag" not in vars(dag)


def test_keeping_twice_wraps_once() -> None:
    assert timetables.keep()
    first = CronMixin._describe_with_dom_dow_fix
    assert timetables.keep()
    assert CronMixin._describe_with_dom_dow_fix is first


def test_another_shape_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(CronMixin, "_describe_with_dom_dow_fix", lambda self, expression, locale: "")
    with caplog.at_level(logging.INFO):
        assert not timetables.keep()
    assert "another shape" in caplog.text
    assert isinstance(vars(LazyDeserializedDAG)["timetable"], property)
