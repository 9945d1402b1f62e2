import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from airflow.utils.file import might_contain_dag
from tests.airflow.plans import plan

from windsock.airflow.dag import shards
from windsock.airflow.hook import Entry, Problem
from windsock.errors import WireError
from windsock.wire import to_json

ENTRY = Entry(workflow="shop_sync", revision=3, document=to_json(plan("shop_sync")))


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    (tmp_path / "problems").mkdir()
    return tmp_path / "live" / "shards" / "a7.py"


def test_a_workflows_file_is_fixed_for_ever() -> None:
    assert shards.relative_path("simulator_dag_1") == "shards/69.py"
    assert shards.shard_of("ä") == "33"
    assert len({shards.shard_of(str(number)) for number in range(5_000)}) == 256


def test_what_is_written_is_read(stub: Path) -> None:
    shards.write(stub, shards.encode([ENTRY]))
    assert shards.read(stub.with_suffix(".json")) == {"shop_sync": (ENTRY,)}


def test_the_newest_version_of_a_workflow_comes_first(stub: Path) -> None:
    newer = replace(ENTRY, revision=ENTRY.revision + 1)
    shards.write(stub, shards.encode([ENTRY, newer]))
    assert shards.read(stub.with_suffix(".json")) == {"shop_sync": (newer, ENTRY)}


def test_the_content_does_not_depend_on_the_order() -> None:
    other = Entry(workflow="a", revision=9, document={})
    assert shards.encode([ENTRY, other]) == shards.encode([other, ENTRY])


def test_the_stub_is_the_same_for_all_and_names_what_airflow_looks_for(stub: Path) -> None:
    shards.write(stub, shards.encode([ENTRY]))
    first = stub.read_bytes()
    shards.write(stub, shards.encode([]))
    assert stub.read_bytes() == first
    assert might_contain_dag(str(stub), safe_mode=True)


def test_a_shard_is_current_only_when_airflow_was_told(stub: Path) -> None:
    content = shards.encode([ENTRY])
    assert not shards.is_current(stub, content)
    shards.write(stub, content)
    assert shards.is_current(stub, content)
    assert not shards.is_current(stub, shards.encode([]))
    # As a crash between the two writes leaves it.
    os.utime(stub, ns=(0, 0))
    assert not shards.is_current(stub, content)


def test_a_touched_stub_is_newer_than_before_and_than_now(stub: Path) -> None:
    before = time.time_ns()
    shards.write(stub, shards.encode([ENTRY]))
    assert stub.stat().st_mtime_ns >= before
    ahead = time.time_ns() + 3_600_000_000_000
    os.utime(stub, ns=(ahead, ahead))
    shards.touch(stub)
    assert stub.stat().st_mtime_ns > ahead


def test_no_draft_is_left(stub: Path) -> None:
    shards.write(stub, shards.encode([ENTRY]))
    assert sorted(os.listdir(stub.parent)) == ["a7.json", "a7.py"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "7",
        '{"protocol": 1}',
        '{"protocol": 99, "entries": []}',
        '{"protocol": 1, "entries": [{}]}',
        '{"protocol": 1, "entries": 7}',
    ],
)
def test_a_damaged_shard_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "a7.json"
    file.write_text(content)
    with pytest.raises(WireError, match=r"a7\.json"):
        shards.read(file)


def test_problems_are_noted_and_cleared(stub: Path) -> None:
    file = shards.problems_beside(stub)
    shards.write_problems(stub, [Problem(workflow="a", revision=1, message="bad")], read_at=1)
    assert json.loads(file.read_text()) == [{"workflow": "a", "revision": 1, "message": "bad"}]
    before = file.stat().st_ino
    shards.write_problems(stub, [], read_at=2)
    assert json.loads(file.read_text()) == []
    shards.write_problems(stub, [], read_at=3)
    assert (file.stat().st_ino != before, shards.modified(file)) == (True, 3)


def test_that_a_document_was_looked_at_is_noted_with_its_problems(stub: Path) -> None:
    assert not shards.was_looked_at(stub)
    shards.write(stub, shards.encode([ENTRY]))
    shards.write_problems(stub, [], read_at=shards.modified(stub.with_suffix(".json")))
    assert shards.was_looked_at(stub)
    shards.write(stub, shards.encode([ENTRY]))
    assert not shards.was_looked_at(stub)


def test_problems_that_cannot_be_noted_do_not_cost_the_shard(
    stub: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(file: Path, content: bytes) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(shards, "replace", full)
    problem = Problem(workflow="a", revision=1, message="bad")
    shards.write_problems(stub, [problem], read_at=1)
    assert "No space left" in caplog.text


def test_a_workers_copy_notes_no_problems(tmp_path: Path) -> None:
    stub = tmp_path / "versions" / "7" / "abc" / "shards" / "a7.py"
    shards.write_problems(stub, [Problem(workflow="a", revision=1, message="bad")], read_at=1)
    assert list(tmp_path.iterdir()) == []
