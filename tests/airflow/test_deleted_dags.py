import logging
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.utils.session import create_session
from sqlalchemy import event
from sqlalchemy.orm import Session

from windsock.airflow import deleted_dags

pytestmark = pytest.mark.usefixtures("metadata")

FILES = {"a": "shards/a.py", "b": "shards/b.py", "gone": "shards/gone.py", "legacy": None}


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Airflow's method as it ships, whatever ran before in this process, and after."""
    original = deleted_dags.SHIPPED
    monkeypatch.setattr(DagModel, "deactivate_deleted_dags", original)
    return original


@pytest.fixture
def session() -> Iterator[Session]:
    with create_session() as session:
        session.add_all([DagBundleModel(name="deleted"), DagBundleModel(name="other")])
        session.flush()
        for name, file in FILES.items():
            session.add(DagModel(dag_id=f"deleted_{name}", bundle_name="deleted", relative_fileloc=file))
        session.add(DagModel(dag_id="deleted_other", bundle_name="other", relative_fileloc="none.py"))
        session.flush()
        yield session
        session.rollback()


def stale(session: Session) -> set[str]:
    session.flush()
    rows = session.query(DagModel.dag_id, DagModel.is_stale).where(DagModel.dag_id.startswith("deleted_"))
    return {dag_id for dag_id, is_stale in rows if is_stale}


def deactivate(session: Session, *files: str) -> tuple[bool, set[str]]:
    session.query(DagModel).update({"is_stale": False})
    session.expire_all()
    found = DagModel.deactivate_deleted_dags(bundle_name="deleted", rel_filelocs=files, session=session)
    return found, stale(session)


@pytest.mark.parametrize("files", [("shards/a.py", "shards/b.py"), (), ("shards/gone.py",)])
def test_the_same_dags_are_deactivated_as_by_airflow_itself(session: Session, files: tuple[str, ...]) -> None:
    own = deactivate(session, *files)
    assert own[0]
    assert deleted_dags.read_alone()
    assert deactivate(session, *files) == own


def test_no_dag_is_read_whose_file_is_there(session: Session) -> None:
    assert deleted_dags.read_alone()
    session.expunge_all()
    loaded: list[str] = []

    def note(dag: DagModel, context: Any) -> None:
        loaded.append(dag.dag_id)

    event.listen(DagModel, "load", note)
    try:
        DagModel.deactivate_deleted_dags(
            bundle_name="deleted", rel_filelocs={"shards/a.py", "shards/b.py"}, session=session
        )
    finally:
        event.remove(DagModel, "load", note)
    assert sorted(loaded) == ["deleted_gone", "deleted_legacy"]


def test_it_opens_a_session_of_its_own_where_none_is_given() -> None:
    assert deleted_dags.read_alone()
    assert not DagModel.deactivate_deleted_dags(bundle_name="nowhere", rel_filelocs=())


def test_replacing_twice_wraps_once() -> None:
    assert deleted_dags.read_alone()
    first = vars(DagModel)["deactivate_deleted_dags"]
    assert deleted_dags.read_alone()
    assert vars(DagModel)["deactivate_deleted_dags"] is first


def test_another_shape_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def deactivate_deleted_dags(bundle_name: str, active_paths: list[str]) -> None: ...

    monkeypatch.setattr(DagModel, "deactivate_deleted_dags", deactivate_deleted_dags)
    with caplog.at_level(logging.INFO):
        assert not deleted_dags.read_alone()
    assert "another shape" in caplog.text
    assert DagModel.deactivate_deleted_dags is deactivate_deleted_dags
