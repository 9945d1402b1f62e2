import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.airflow.plans import neighbours, plan

from windsock.airflow.dag import shards, store
from windsock.airflow.dag.store import Store
from windsock.airflow.hook import NEWEST, Entry, Problem
from windsock.wire import to_json

A, B = "shop_1", "shop_2"  # in two shards


@pytest.fixture
def disk(tmp_path: Path) -> Store:
    disk = Store(tmp_path)
    disk.prepare()
    return disk


def entry(workflow: str, revision: int, title: str = "") -> Entry:
    return Entry(workflow=workflow, revision=revision, document=to_json(plan(workflow, title=title)))


def follow(disk: Store, *entries: Entry, whole: bool = False) -> set[str]:
    plan = disk.plan(entries, whole=whole)
    disk.apply(plan, revision=max((entry.revision for entry in entries), default=disk.revision()))
    return set(plan)


def test_an_empty_bundle_has_the_sentinel_alone(disk: Store) -> None:
    assert [path.name for path in disk.live.rglob("*.py")] == ["sentinel.py"]
    assert disk.revision() == 0
    assert not disk.is_intact()


def test_preparing_again_changes_nothing(disk: Store) -> None:
    before = (disk.live / shards.SENTINEL_FILE).stat().st_mtime_ns
    disk.prepare()
    assert (disk.live / shards.SENTINEL_FILE).stat().st_mtime_ns == before


def test_only_changed_shards_are_planned(disk: Store) -> None:
    assert follow(disk, entry(A, 1), entry(B, 2)) == {shards.shard_of(A), shards.shard_of(B)}
    assert (disk.revision(), disk.is_intact()) == (2, True)
    assert follow(disk, entry(A, 3, "new")) == {shards.shard_of(A)}
    assert follow(disk, entry(A, 3, "new")) == set()


def test_neighbours_in_a_shard_stay(disk: Store) -> None:
    first, second = (name for name, _ in zip(neighbours("00"), range(2), strict=False))
    follow(disk, entry(first, 1), entry(second, 2))
    follow(disk, entry(first, 3, "new"))
    assert disk.find(second, 3) == entry(second, 2)


def test_a_shard_whose_last_workflow_is_gone_stays(disk: Store) -> None:
    follow(disk, entry(A, 1))
    assert follow(disk, Entry(workflow=A, revision=2)) == {shards.shard_of(A)}
    stub = disk.live / shards.relative_path(A)
    assert stub.exists()
    assert shards.read(stub.with_suffix(".json")) == {}


def test_an_empty_shard_gets_its_lost_stub_back(disk: Store) -> None:
    follow(disk, entry(A, 1))
    follow(disk, Entry(workflow=A, revision=2))
    stub = disk.live / shards.relative_path(A)
    stub.unlink()
    follow(disk, Entry(workflow=A, revision=2), whole=True)
    assert stub.exists()


def test_a_workflow_that_came_and_went_unseen_leaves_no_shard(disk: Store) -> None:
    assert follow(disk, Entry(workflow=A, revision=2)) == set()
    assert disk.revision() == 2
    assert not (disk.live / shards.relative_path(A)).exists()


def test_the_whole_feed_removes_what_it_does_not_name(disk: Store) -> None:
    follow(disk, entry(A, 1), entry(B, 2))
    assert follow(disk, entry(B, 2), whole=True) == {shards.shard_of(A)}
    assert disk.find(A, 2) is None
    assert disk.find(B, 2) == entry(B, 2)


@pytest.mark.parametrize("damage", ["document", "missing", "stub", "state", "rubbish"])
def test_damage_is_noticed(disk: Store, tmp_path: Path, damage: str) -> None:
    follow(disk, entry(A, 1))
    document = (disk.live / shards.relative_path(A)).with_suffix(".json")
    state = tmp_path / "state.json"
    {
        "document": lambda: document.write_text("{"),
        "missing": document.unlink,
        "stub": document.with_suffix(".py").unlink,
        "state": state.unlink,
        "rubbish": lambda: state.write_text("[1]"),
    }[damage]()
    assert not disk.is_intact()
    follow(disk, entry(A, 1), whole=True)
    assert disk.is_intact()
    assert disk.find(A, 1) == entry(A, 1)
    assert document.with_suffix(".py").exists()


def test_a_host_answers_only_what_it_knows_for_certain(disk: Store) -> None:
    follow(disk, entry(A, 5), entry(B, 6))
    assert disk.find(A, 5) == disk.find(A, 6) == disk.find(A, NEWEST) == entry(A, 5)
    assert disk.find(A, 7) is None, "not read that far"
    assert disk.find(A, 4) is None, "an older version is not here"
    assert disk.find("unknown", 6) is None


def test_a_copy_answers_for_its_revision_for_ever(disk: Store) -> None:
    folder = disk.keep_copy(entry(A, 2), 4)
    follow(disk, entry(A, 5))
    assert disk.find(A, 4) == entry(A, 2)
    assert disk.find(A, 3) is None
    assert sorted(path.name for path in folder.rglob("*.py")) == [Path(shards.relative_path(A)).name]


def test_a_kept_copy_is_not_written_again(disk: Store) -> None:
    stub = disk.keep_copy(entry(A, 2), 4) / shards.relative_path(A)
    before = stub.stat().st_mtime_ns
    disk.keep_copy(entry(A, 2), 4)
    assert stub.stat().st_mtime_ns == before


def test_copies_do_not_fill_the_disk(disk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "COPIES", 4)
    folders = [disk.keep_copy(entry(A, revision), revision) for revision in range(1, 5)]
    for age, folder in enumerate(reversed(folders)):
        os.utime(folder, (1_000_000 - age, 1_000_000 - age))
    disk.keep_copy(entry(A, 5), 5)
    assert [folder.exists() for folder in folders] == [False, False, True, True]
    assert disk.find(A, 5) == entry(A, 5)


def test_copies_of_another_database_are_dropped(disk: Store) -> None:
    disk.keep_copy(entry(A, 2), 4)
    disk.forget_copies()
    assert disk.find(A, 4) is None


def test_a_shard_is_touched_once_more_when_it_is_due(disk: Store) -> None:
    follow(disk, entry(A, 1), entry(B, 1))
    disk.apply({}, revision=1, again={shards.shard_of(A): 0.0, shards.shard_of(B): 2.0**40})
    before = (disk.live / shards.relative_path(A)).stat().st_mtime_ns
    assert disk.touch_due() == {shards.shard_of(A)}
    assert (disk.live / shards.relative_path(A)).stat().st_mtime_ns > before
    assert disk.touch_due() == set()
    assert disk.is_intact()


def test_django_is_told_what_is_new_and_what_is_gone(disk: Store) -> None:
    bad = Problem(workflow=A, revision=3, message="bad")
    follow(disk, entry(A, 3))
    stub = disk.live / shards.relative_path(A)
    shards.write_problems(stub, [bad], read_at=1)
    assert disk.news() == ([bad], [bad])
    disk.remember_told([bad])
    assert disk.news() == ([], [bad])
    shards.write_problems(stub, [], read_at=1)
    assert disk.news() == ([Problem(workflow=A, revision=3, message="")], [])
    disk.remember_told([])
    assert disk.news() == ([], [])


def test_a_problem_that_is_superseded_is_forgotten_silently(disk: Store) -> None:
    """Its version stays refused: at its revision another one was in force."""
    refuse(disk, entry(A, 3))
    disk.remember_told(disk.news()[1])
    follow(disk, entry(A, 4))
    parse(disk, A)
    assert disk.news() == ([], [])
    assert disk.news() == ([], [])


def parse(disk: Store, workflow: str, *problems: Problem) -> None:
    """What the loader leaves behind."""
    stub = disk.live / shards.relative_path(workflow)
    shards.write_problems(stub, problems, read_at=shards.modified(stub.with_suffix(".json")))


def refuse(disk: Store, refused: Entry) -> None:
    follow(disk, refused)
    parse(
        disk, refused.workflow, Problem(workflow=refused.workflow, revision=refused.revision, message="bad")
    )


def held(disk: Store, workflow: str) -> list[int]:
    found = shards.read((disk.live / shards.relative_path(workflow)).with_suffix(".json"))
    return [entry.revision for entry in found.get(workflow, ())]


def test_the_last_good_version_stands_behind_a_newer_one(disk: Store) -> None:
    follow(disk, entry(A, 1))
    parse(disk, A)
    follow(disk, entry(A, 2, "two"))
    assert held(disk, A) == [2, 1]
    assert disk.find(A, 2) == entry(A, 2, "two")
    parse(disk, A)
    follow(disk, entry(A, 3, "three"))
    assert held(disk, A) == [3, 2]


def test_versions_that_were_not_parsed_yet_all_stand_behind(disk: Store) -> None:
    follow(disk, entry(A, 1))
    parse(disk, A)
    for revision in range(2, 30):
        follow(disk, entry(A, revision, str(revision)))
    assert held(disk, A) == list(range(29, 29 - 1 - store.FALLBACKS, -1))


def test_a_refused_version_is_passed_over_and_kept_for_another_try(disk: Store) -> None:
    follow(disk, entry(A, 1))
    parse(disk, A)
    refuse(disk, entry(A, 2, "two"))
    assert (disk.find(A, 2), disk.find(A, NEWEST)) == (entry(A, 1), entry(A, 1))
    neighbour = next(name for name in neighbours(shards.shard_of(A)) if name != A)
    follow(disk, entry(neighbour, 3))
    assert held(disk, A) == [2, 1]
    follow(disk, entry(A, 4, "four"))
    assert held(disk, A) == [4, 1]
    assert disk.find(A, 4) == entry(A, 4, "four")


def test_a_version_that_was_in_force_and_is_refused_now_is_not_given_out(disk: Store) -> None:
    """Django says what its runs have."""
    refuse(disk, entry(A, 1))
    assert disk.find(A, 1) is None


def test_a_fresh_host_learns_what_was_refused_elsewhere(disk: Store) -> None:
    follow(disk, entry(A, 1), replace(entry(A, 2, "two"), refused=True), whole=True)
    assert held(disk, A) == [2, 1]
    assert disk.find(A, 2) == entry(A, 1)


def test_a_refused_version_brings_no_retired_workflow_back(disk: Store) -> None:
    follow(disk, entry(A, 1))
    follow(disk, Entry(workflow=A, revision=2), replace(entry(A, 3), refused=True))
    assert held(disk, A) == [3]
    assert disk.find(A, 3) is None


def test_rubbish_among_the_problems_is_passed_over(disk: Store, tmp_path: Path) -> None:
    (tmp_path / "problems" / "00.json").write_text("7")
    (tmp_path / "told.json").write_text('[{"a": 1}]')
    assert disk.news() == ([], [])
