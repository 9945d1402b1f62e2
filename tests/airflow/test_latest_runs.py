import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.dag_processing import collection
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.sdk import DAG, CronDataIntervalTimetable
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.settings import get_engine
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from windsock.airflow import latest_runs

pytestmark = pytest.mark.usefixtures("metadata")

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, 3, tzinfo=UTC)
COLUMNS = (
    "next_dagrun",
    "next_dagrun_create_after",
    "exceeds_max_non_backfill",
    "is_stale",
    "max_active_runs",
)


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's functions as they ship, whatever ran before in this process, and after."""
    shipped = collection.DagModelOperation.update_dags
    monkeypatch.setattr(collection.DagModelOperation, "update_dags", getattr(shipped, "__wrapped__", shipped))
    calculate = collection._RunInfo.calculate.__func__  # type: ignore[attr-defined]
    original = getattr(calculate, "__wrapped__", None)
    monkeypatch.setattr(collection._RunInfo, "calculate", original or classmethod(calculate))


@pytest.fixture
def session() -> Iterator[Session]:
    with create_session() as session:
        session.add(DagBundleModel(name="runs"))
        session.flush()
        yield session
        session.rollback()


def dags(session: Session, count: int) -> dict[str, LazyDeserializedDAG]:
    found = {}
    for number in range(count):
        timetable = CronDataIntervalTimetable("0 3 * * *", timezone="UTC") if number % 4 else None
        dag = DAG(f"runs_{number}", schedule=timetable, start_date=START, catchup=True, max_active_runs=2)
        found[dag.dag_id] = LazyDeserializedDAG.from_dag(dag)
        session.add(DagModel(dag_id=dag.dag_id, bundle_name="runs", fileloc="runs.py"))
    session.flush()
    return found


def add_run(session: Session, dag_id: str, day: int | None, kind: DagRunType, state: DagRunState) -> None:
    moment = None if day is None else START + day * DAY
    run = DagRun(
        dag_id=dag_id,
        run_id=f"{kind}_{day}_{state}",
        run_type=kind,
        state=state,
        logical_date=moment,
        data_interval=moment and (moment, moment + DAY),
        run_after=(moment or START) + DAY,
        triggered_by=DagRunTriggeredByType.TEST,
    )
    session.add(run)
    session.flush()


def lay_runs(session: Session) -> None:
    """Runs of every kind, and DAGs without any."""
    done, running, queued = DagRunState.SUCCESS, DagRunState.RUNNING, DagRunState.QUEUED
    for day in range(5):
        add_run(session, "runs_1", day, DagRunType.SCHEDULED, done)
    add_run(session, "runs_1", 9, DagRunType.MANUAL, running)
    add_run(session, "runs_2", 3, DagRunType.BACKFILL_JOB, running)
    add_run(session, "runs_2", 1, DagRunType.SCHEDULED, queued)
    add_run(session, "runs_3", None, DagRunType.MANUAL, queued)
    add_run(session, "runs_3", 2, DagRunType.MANUAL, running)
    add_run(session, "runs_5", 7, DagRunType.SCHEDULED, running)
    add_run(session, "runs_5", 8, DagRunType.SCHEDULED, running)
    add_run(session, "runs_4", 8, DagRunType.SCHEDULED, running)


def updated(session: Session, found: dict[str, LazyDeserializedDAG]) -> dict[str, list[Any]]:
    operation = collection.DagModelOperation(dags=found, bundle_name="runs", bundle_version="1")
    models = operation.find_orm_dags(session=session)
    operation.update_dags(models, 0.1, session=session)
    session.flush()
    return {dag_id: [getattr(model, name) for name in COLUMNS] for dag_id, model in models.items()}


@contextmanager
def counted() -> Iterator[list[str]]:
    asked: list[str] = []

    def note(*arguments: Any) -> None:
        asked.append(arguments[2])

    engine = get_engine()
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_the_rows_are_those_that_airflow_itself_writes(session: Session) -> None:
    found = dags(session, 8)
    lay_runs(session)
    own = updated(session, found)
    assert latest_runs.ask_together()
    session.execute(update(DagModel).values(next_dagrun=None, exceeds_max_non_backfill=False))
    session.expire_all()
    assert updated(session, found) == own
    assert own["runs_1"][0] == START + 5 * DAY
    assert own["runs_5"][2]
    assert not own["runs_2"][2]


def test_the_number_of_questions_does_not_depend_on_the_number_of_dags(session: Session) -> None:
    assert latest_runs.ask_together()
    found = dags(session, 12)
    with counted() as few:
        updated(session, dict(list(found.items())[:3]))
    with counted() as many:
        updated(session, found)
    about_runs = [[each for each in asked if "FROM dag_run" in each] for asked in (few, many)]
    assert [len(asked) for asked in about_runs] == [2, 2]


def test_a_dag_that_was_not_asked_about_is_asked_about_alone(session: Session) -> None:
    (dag,) = list(dags(session, 2).values())[1:]
    add_run(session, "runs_1", 3, DagRunType.SCHEDULED, DagRunState.RUNNING)
    assert latest_runs.ask_together()
    info = collection._RunInfo.calculate(dag, session=session)
    assert info.latest_run is not None
    assert info.num_active_runs == 1


def test_asking_twice_wraps_once() -> None:
    assert latest_runs.ask_together()
    first = collection.DagModelOperation.update_dags
    assert latest_runs.ask_together()
    assert collection.DagModelOperation.update_dags is first


def test_another_shape_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def update_dags(self: Any, orm_dags: Any, *, session: Any) -> None: ...

    monkeypatch.setattr(collection.DagModelOperation, "update_dags", update_dags)
    with caplog.at_level(logging.INFO):
        assert not latest_runs.ask_together()
    assert "another shape" in caplog.text
    assert collection.DagModelOperation.update_dags is update_dags


def test_only_a_dag_processor_has_something_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(latest_runs.sys.modules, "airflow.dag_processing.collection")
    assert not latest_runs.ask_together()
