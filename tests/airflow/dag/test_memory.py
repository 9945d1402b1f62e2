from pathlib import Path

import pytest

from windsock.airflow.dag import memory
from windsock.airflow.dag.memory import Memory


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    (tmp_path / "problems").mkdir()
    return tmp_path / "live" / "shards" / "a7.py"


def kept(stub: Path, **digests: str) -> None:
    remembered = Memory(stub)
    for workflow, digest in digests.items():
        remembered.note(workflow, digest)
    remembered.keep()


def test_a_document_that_was_taken_is_remembered(stub: Path) -> None:
    kept(stub, a="1", b="2")
    remembered = Memory(stub)
    assert remembered.holds("a", "1")
    assert not remembered.holds("a", "2")
    assert not remembered.holds("c", "1")


def test_what_was_not_taken_this_time_is_forgotten(stub: Path) -> None:
    kept(stub, a="1", b="2")
    kept(stub, a="1")
    assert not Memory(stub).holds("b", "2")


def test_another_dag_processor_checks_everything_again(stub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be another Airflow, with other policies."""
    kept(stub, a="1")
    monkeypatch.setattr(memory, "_LIFE", "another")
    assert not Memory(stub).holds("a", "1")


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"life": 1, "taken": 2}'])
def test_rubbish_is_nothing(stub: Path, content: str) -> None:
    (stub.parents[2] / "problems" / "a7.taken").write_text(content)
    assert not Memory(stub).holds("a", "1")


def test_a_workers_copy_keeps_nothing(tmp_path: Path) -> None:
    stub = tmp_path / "live" / "shards" / "a7.py"
    kept(stub, a="1")
    assert list(tmp_path.iterdir()) == []
