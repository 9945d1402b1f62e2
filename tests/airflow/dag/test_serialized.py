import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from airflow.dag_processing import processor
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
from tests.airflow.plans import DAILY, NEVER, plan

from windsock.airflow.dag import build, serialized, shards
from windsock.airflow.dag.check import Checker
from windsock.airflow.hook import Entry
from windsock.wire import to_json
from windsock.workflow import Param, Retry, Schedule, Step, Workflow

PLANS = (
    plan("daily", schedule=DAILY, tags=("a", "b"), title="Daily"),
    plan("often", schedule=Schedule(every=timedelta(minutes=7), start=DAILY.start)),
    plan("asked", params={"day": Param(default=1, schema={"type": "integer"})}),
    plan(
        "grouped",
        steps=(
            Step(name="a", task="x.a", group="in.out", retry=Retry(limit=2, backoff=True)),
            Step(name="b", task="x.b", after=("a",), teardown=True, timeout=timedelta(seconds=3)),
        ),
    ),
)


@pytest.fixture(autouse=True)
def shipped() -> Iterator[None]:
    """The dag-processor's module as it ships, after each test."""
    yield
    processor.DagSerialization = DagSerialization


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "problems").mkdir()
    return tmp_path / "live"


def stored(bundle: Path, workflows: tuple[Workflow, ...]) -> dict[str, LazyDeserializedDAG]:
    """What the dag-processor would store of a shard."""
    stub = bundle / "shards" / "a7.py"
    entries = [Entry(workflow=each.id, revision=1, document=to_json(each)) for each in workflows]
    shards.write(stub, shards.encode(entries))
    (bundle.parent / "problems" / "a7.taken").unlink(missing_ok=True)
    bag = BundleDagBag(dag_folder=stub, bundle_path=bundle, bundle_name="windsock")
    dags, errors = processor._serialize_dags(bag, structlog.get_logger())
    assert not errors
    return {dag.dag_id: dag for dag in dags}


def test_airflow_stores_the_form_that_was_checked_and_it_is_its_own(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = stored(bundle, PLANS)
    assert serialized.hand_over()
    asked: list[str] = []
    original = DagSerialization.serialize_dag
    monkeypatch.setattr(
        DagSerialization, "serialize_dag", lambda dag: asked.append(dag.dag_id) or original(dag)
    )
    once = stored(bundle, PLANS)
    assert {name: dag.data for name, dag in once.items()} == {name: dag.data for name, dag in twice.items()}
    assert once["daily"].data["dag"]["relative_fileloc"] == "shards/a7.py"
    assert sorted(asked) == sorted(each.id for each in PLANS)


def test_only_the_very_object_that_was_checked_is_handed_over() -> None:
    dag, other = (build(plan("shop_sync"), revision=number, digest="d") for number in (1, 2))
    assert Checker(Path("/bundle/live/shards/00.py")).refusal(dag) == ""
    other.fileloc = dag.fileloc
    assert "[revision 2, d]" in serialized.Handed.to_dict(other)["dag"]["description"]
    assert serialized.Handed.to_dict(dag) == DagSerialization.to_dict(dag)


def test_what_was_refused_is_not_offered() -> None:
    dag = build(plan("shop_sync", schedule=NEVER), revision=1, digest="d")
    assert Checker(Path("/bundle/live/shards/00.py")).refusal(dag)
    assert "shop_sync" not in serialized._checked


def test_a_process_that_parses_nothing_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "airflow.dag_processing.processor")
    assert not serialized.hand_over()


def test_another_shape_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Newer:
        @staticmethod
        def to_dict(dag: DAG) -> dict[str, Any]:
            return {}

    monkeypatch.setattr(processor, "DagSerialization", Newer)
    assert not serialized.hand_over()
    assert processor.DagSerialization is Newer
