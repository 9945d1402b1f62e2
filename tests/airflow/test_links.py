import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow import plugins_manager
from airflow.models.dagbag import DBDagBag
from airflow.sdk import DAG
from airflow.utils.session import create_session
from tests.airflow.scheduling import Run

from windsock.airflow.links import RecordLink
from windsock.airflow.operators.step import StepOperator
from windsock.airflow.operators.task import DjangoTaskOperator

KEY: Any = SimpleNamespace(dag_id="night", run_id="manual__1", task_id="a b", map_index=-1, try_number=2)
QUERY = "dag_id=night&run_id=manual__1&task_id=a+b&map_index=-1&try_number=2"


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "django", "host": "https://shop.example"})
    )
    monkeypatch.setenv("AIRFLOW__WINDSOCK__URL", "https://feed.example/windsock/feed/")


def test_airflow_finds_the_link() -> None:
    assert [link.name for link in plugins_manager.get_operator_extra_links()] == ["Django"]


@pytest.mark.parametrize(
    ("operator", "site"),
    [
        (SimpleNamespace(django_conn_id="shop"), "https://shop.example"),
        (SimpleNamespace(django_conn_id="missing"), "https://feed.example"),
        (SimpleNamespace(), "https://feed.example"),
    ],
)
def test_it_leads_to_the_record_of_the_try(shop: None, operator: Any, site: str) -> None:
    assert RecordLink().get_link(operator, ti_key=KEY) == f"{site}/windsock/record/?{QUERY}"


@pytest.mark.parametrize("url", ["", "https://feed.example/other/"])
def test_without_an_address_there_is_no_link(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__WINDSOCK__URL", url)
    assert RecordLink().get_link(SimpleNamespace(), ti_key=KEY) == ""


def test_it_stands_at_steps_and_at_tasks_that_dags_start(metadata: None, shop: None) -> None:
    with DAG("linked", schedule=None) as dag:
        StepOperator(task_id="step")
        DjangoTaskOperator(task_id="report", task="a.b", django_conn_id="shop")
    run = Run(dag)
    with create_session() as session:
        found = DBDagBag().get_latest_version_of_dag("linked", session=session)
        assert found
        for ti, site in zip(
            sorted(run.instances(), key=lambda ti: ti.task_id),
            ("https://shop.example", "https://feed.example"),
            strict=True,
        ):
            task = found.get_task(ti.task_id)
            assert task.extra_links == ["Django"]
            url = task.get_extra_links(ti, "Django")
            assert url
            assert url.startswith(f"{site}/windsock/record/?dag_id=linked")
