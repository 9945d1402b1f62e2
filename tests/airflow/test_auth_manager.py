"""What a user may see is the same as by Airflow's own way, in one clause."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import delete, select

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of Airflow's API server, about its own libraries
    from airflow.api_fastapi.app import get_auth_manager_cls
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager as Shipped
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.security import PermittedDagFilter, PermittedDagRunFilter

    from windsock.airflow.auth_manager import AllDagIds, SimpleAuthManager

pytestmark = pytest.mark.usefixtures("metadata")

IDS = {"seen_a", "seen_b"}


@pytest.fixture(autouse=True)
def dags() -> Iterator[None]:
    with create_session() as session:
        session.add(DagBundleModel(name="seen"))
        session.flush()
        session.add_all([DagModel(dag_id=name, bundle_name="seen") for name in IDS])
    yield
    with create_session() as session:
        session.execute(delete(DagModel).where(DagModel.dag_id.in_(IDS)))
        session.execute(delete(DagBundleModel).where(DagBundleModel.name == "seen"))


def user(role: str) -> SimpleAuthManagerUser:
    return SimpleAuthManagerUser(username="somebody", role=role)


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("role", ["viewer", "user", "admin", None])
def test_each_role_gets_the_dags_that_airflow_gives_it(role: Any, method: Any) -> None:
    ours = SimpleAuthManager().get_authorized_dag_ids(user=user(role), method=method)
    assert set(ours) == Shipped().get_authorized_dag_ids(user=user(role), method=method)
    assert bool(ours) is bool(set(ours))


def test_a_list_is_filtered_in_one_clause() -> None:
    query = PermittedDagFilter(AllDagIds()).to_orm(select(DagModel.dag_id))
    assert "IN (SELECT" in str(query)
    with create_session() as session:
        assert set(session.scalars(query)) >= IDS


def test_a_list_of_what_belongs_to_dags_is_too() -> None:
    assert "IN (SELECT" in str(PermittedDagRunFilter(AllDagIds()).to_orm(select(DagRun.run_id)))


def test_it_is_a_set_to_python() -> None:
    ids = AllDagIds()
    assert "seen_a" in ids
    assert "unseen" not in ids
    assert IDS.issubset(ids)
    assert ids.intersection({"seen_a", "unseen"}) == {"seen_a"}
    assert ids & {"seen_b", "unseen"} == {"seen_b"}
    assert {"seen_b", "unseen"} & ids == {"seen_b"}
    assert len(ids) == len(list(ids)) == len(set(ids))


def test_with_teams_airflow_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
    assert isinstance(SimpleAuthManager().get_authorized_dag_ids(user=user("admin")), set)


def test_airflow_takes_it_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__AUTH_MANAGER", "windsock.airflow.auth_manager.SimpleAuthManager")
    assert get_auth_manager_cls() is SimpleAuthManager
