from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow import settings
from airflow.exceptions import AirflowClusterPolicyViolation
from airflow.policies import hookimpl
from airflow.sdk import DAG
from tests.airflow.plans import DAILY, START, plan

from windsock.airflow.dag import build, load, shards
from windsock.airflow.dag.check import Checker
from windsock.airflow.hook import Entry
from windsock.wire import to_json
from windsock.workflow import Schedule, Step


def refusal(**values: Any) -> str:
    dag = build(plan("shop_sync", **values), revision=1, digest="d")
    return Checker(Path("/bundle/live/shards/00.py")).refusal(dag)


def test_a_sound_dag_is_taken() -> None:
    assert refusal() == ""
    assert refusal(schedule=DAILY, title="Sync", tags=("a",)) == ""


def test_a_bad_cron_expression_is_refused() -> None:
    assert "99" in refusal(schedule=Schedule(cron=("99 * * * *",), start=START))
    assert "CroniterBadCronError" in refusal(schedule=Schedule(cron=("@daily", "nonsense"), start=START))


def test_a_date_that_never_comes_is_refused() -> None:
    assert "CroniterBadDateError" in refusal(schedule=Schedule(cron=("0 0 30 2 *",), start=START))


def test_text_that_does_not_fit_airflows_columns_is_refused() -> None:
    assert "pool is longer than 256" in refusal(steps=(Step(name="a", task="x.a", pool="p" * 257),))
    assert "queue is longer than 256" in refusal(steps=(Step(name="a", task="x.a", queue="q" * 257),))
    assert "dag_display_name is longer" in refusal(title="t" * 2001)
    assert "owners is longer" in refusal(owner="o" * 501)
    crons = tuple(f"{minute} {hour} * * *" for minute in range(60) for hour in range(2))
    assert "timetable_description is longer" in refusal(schedule=Schedule(cron=crons, start=START))


class Policy:
    """A cluster policy that refuses some DAGs and leaves a mark on the others."""

    @hookimpl
    def dag_policy(self, dag: DAG) -> None:
        if "approved" not in dag.tags:
            raise AirflowClusterPolicyViolation("tag it as approved")
        dag.tags.add("seen")


@pytest.fixture
def policy() -> Iterator[None]:
    manager = settings.get_policy_plugin_manager()
    plugin = Policy()
    manager.register(plugin)
    yield
    manager.unregister(plugin)


@pytest.mark.usefixtures("policy")
def test_what_a_cluster_policy_refuses_is_refused() -> None:
    assert "tag it as approved" in refusal()
    assert refusal(tags=("approved",)) == ""


def test_a_dag_that_a_policy_saw_is_not_given_to_it_again(
    policy: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = tmp_path / "live" / "shards" / "00.py"
    document = to_json(plan("shop_sync", tags=("approved",)))
    shards.write(stub, shards.encode([Entry(workflow="shop_sync", revision=1, document=document)]))
    namespace: dict[str, Any] = {}
    load(str(stub), namespace)
    assert namespace["dag shop_sync"].tags == {"approved"}
    assert Checker(stub).leaves_marks


def test_an_end_before_now_is_no_problem() -> None:
    assert (
        refusal(schedule=Schedule(cron=("@daily",), start=START, end=datetime(2026, 1, 2, tzinfo=UTC))) == ""
    )
