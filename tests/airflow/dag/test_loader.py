from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.definitions.context import _AIRFLOW_PARSING_CONTEXT_DAG_ID
from tests.airflow.plans import DAILY, NEVER, plan

from windsock.airflow.dag import SENTINEL, load, shards
from windsock.airflow.dag.check import Checker
from windsock.airflow.hook import Entry
from windsock.errors import WireError
from windsock.wire import digest, to_json
from windsock.workflow import Workflow


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    (tmp_path / "problems").mkdir()
    return tmp_path / "live" / "shards" / "a7.py"


def loaded(stub: Path, entries: Iterable[Entry]) -> dict[str, DAG]:
    shards.write(stub, shards.encode(entries))
    namespace: dict[str, Any] = {}
    load(str(stub), namespace)
    return {dag.dag_id: dag for dag in namespace.values()}


def entry(workflow: Workflow, revision: int = 1) -> Entry:
    return Entry(workflow=workflow.id, revision=revision, document=to_json(workflow))


def problems(stub: Path) -> dict[str, str]:
    found = shards.read_json(shards.problems_beside(stub), [])
    return {problem["workflow"]: problem["message"] for problem in found}


def test_a_shards_workflows_become_dags(stub: Path) -> None:
    dags = loaded(stub, [entry(plan("a", schedule=DAILY), 4), entry(plan("b"), 9)])
    assert set(dags) == {"a", "b"}
    last = f"Windsock revision 4, digest {digest(to_json(plan('a', schedule=DAILY)))}"
    assert str(dags["a"].doc_md).splitlines()[-1] == last
    assert problems(stub) == {}


def test_one_bad_workflow_hurts_only_itself(stub: Path) -> None:
    unreadable = Entry(workflow="unreadable", revision=3, document={"id": "unreadable", "steps": 7})
    circular = Entry(workflow="circular", revision=3, document={"id": "circular", "max_active_runs": -1})
    dags = loaded(stub, [entry(plan("good")), entry(plan("bad", schedule=NEVER), 2), unreadable, circular])
    assert "good" in dags
    assert {"bad", "unreadable"}.isdisjoint(dags)
    assert "steps: expected a list" in problems(stub)["unreadable"]
    assert "99" in problems(stub)["bad"]


def test_a_repaired_workflow_clears_its_problem(stub: Path) -> None:
    loaded(stub, [entry(plan("bad", schedule=NEVER))])
    assert set(problems(stub)) == {"bad"}
    assert set(loaded(stub, [entry(plan("bad", schedule=DAILY), 2)])) == {"bad"}
    assert problems(stub) == {}


def test_the_sentinels_name_is_taken(stub: Path) -> None:
    assert loaded(stub, [entry(plan(SENTINEL))]) == {}
    assert problems(stub) == {SENTINEL: "this name is Windsock's own"}


def test_no_workflow_can_hide_the_stubs_own_names(stub: Path) -> None:
    shards.write(stub, shards.encode([entry(plan("load")), entry(plan("DAG"))]))
    namespace: dict[str, Any] = {"load": "the function", "DAG": "the class"}
    load(str(stub), namespace)
    assert (namespace["load"], namespace["DAG"]) == ("the function", "the class")


def test_a_worker_gets_the_dag_that_it_runs_and_no_other(stub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_AIRFLOW_PARSING_CONTEXT_DAG_ID, "b")
    assert set(loaded(stub, [entry(plan("a")), entry(plan("b")), entry(plan("bad", schedule=NEVER))])) == {
        "b"
    }
    assert problems(stub) == {}
    monkeypatch.setenv(_AIRFLOW_PARSING_CONTEXT_DAG_ID, "unknown")
    assert loaded(stub, [entry(plan("a"))]) == {}


def test_a_damaged_shard_is_an_import_error(stub: Path) -> None:
    shards.write(stub, b"{")
    with pytest.raises(WireError, match="damaged"):
        load(str(stub), {})


def test_the_newest_version_that_airflow_takes_is_served(stub: Path) -> None:
    good, bad = plan("a", schedule=DAILY), plan("a", schedule=NEVER)
    dags = loaded(stub, [entry(good, 4), entry(bad, 7), entry(bad, 9), entry(plan("b"), 5)])
    assert str(dags["a"].doc_md).endswith(f"revision 4, digest {digest(to_json(good))}")
    assert set(dags) == {"a", "b"}
    noted = shards.read_json(shards.problems_beside(stub), [])
    assert [(problem["workflow"], problem["revision"]) for problem in noted] == [("a", 9), ("a", 7)]


def test_what_was_refused_and_is_taken_now_waits_for_django(stub: Path) -> None:
    """Runs that were begun at its revision have the version before it."""
    dags = loaded(stub, [entry(plan("a"), 4), replace(entry(plan("a", title="new"), 7), refused=True)])
    assert "revision 4" in str(dags["a"].doc_md)
    assert problems(stub) == {"a": ""}


def test_a_document_that_was_looked_at_is_known(stub: Path) -> None:
    loaded(stub, [entry(plan("a"))])
    assert shards.was_looked_at(stub)
    shards.write(stub, shards.encode([entry(plan("a"), 2)]))
    assert not shards.was_looked_at(stub)


def test_only_what_changed_is_checked_again(stub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    check = Checker.refusal

    def refusal(self: Checker, dag: DAG) -> str:
        checked.append(dag.dag_id)
        return check(self, dag)

    monkeypatch.setattr(Checker, "refusal", refusal)
    loaded(stub, [entry(plan("a")), entry(plan("b"))])
    assert set(loaded(stub, [entry(plan("a"), 3), entry(plan("b", title="new"), 4)])) == {"a", "b"}
    assert checked == ["a", "b", "b"]
