import json
import logging
import os
import runpy
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from unittest.mock import patch

import pytest
from airflow.dag_processing.bundles.base import BundleVersion
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.models.errors import ParseImportError
from airflow.sdk.definitions._internal.contextmanager import DagContext
from airflow.sdk.execution_time.task_runner import _airflow_parsing_context_manager
from airflow.utils.session import create_session
from sqlalchemy import select
from tests.airflow.dag_processor import AIRFLOWS_OWN, Rounds, documentation, last_lines, stored
from tests.airflow.fake_feed import KEY, FakeFeed, serving
from tests.airflow.plans import DAILY, NEVER, neighbours, plan

from windsock.airflow.bundle import WindsockDagBundle
from windsock.airflow.dag import SENTINEL
from windsock.airflow.dag.shards import SENTINEL_FILE, relative_path
from windsock.airflow.hook import FeedUnavailable, NotPublished
from windsock.wire import digest, to_json
from windsock.workflow import Workflow

pytestmark = [pytest.mark.usefixtures("metadata"), AIRFLOWS_OWN]


@pytest.fixture
def rounds(feed: FakeFeed) -> Iterator[Rounds]:
    rounds = Rounds()
    yield rounds
    rounds.close()


def live(revision: int, workflow: Workflow) -> str:
    """What Django looks for in Airflow's REST."""
    return f"Windsock revision {revision}, digest {digest(to_json(workflow))}"


def bundle(version: int | None = None) -> WindsockDagBundle:
    found = DagBundlesManager().get_bundle("windsock", None if version is None else str(version))
    assert isinstance(found, WindsockDagBundle)
    return found


def followed(version: int | None = None) -> WindsockDagBundle:
    found = bundle(version)
    found.initialize()
    found.refresh()
    return found


# In the dag-processor


def test_published_workflows_become_dags(feed: FakeFeed, rounds: Rounds) -> None:
    plans = [plan("pub_1", schedule=DAILY), plan("pub_2"), plan("pub_3")]
    feed.publish(*plans)
    assert sorted(rounds.until_idle()) == sorted([*(relative_path(p.id) for p in plans), SENTINEL_FILE])
    assert last_lines(["pub_1", "pub_2", "pub_3"]) == [live(i + 1, p) for i, p in enumerate(plans)]
    row = stored("pub_1")
    assert (row.bundle_name, row.bundle_version) == ("windsock", "3")
    assert (row.relative_fileloc, row.is_paused) == (relative_path("pub_1"), False)
    assert stored(SENTINEL).is_paused


def test_nothing_new_means_nothing_to_parse(feed: FakeFeed, rounds: Rounds) -> None:
    feed.publish(plan("idle_1"))
    rounds.until_idle()
    rounds.ask_for()
    assert rounds.until_idle() == []


def test_an_edit_changes_only_its_shard(feed: FakeFeed, rounds: Rounds) -> None:
    feed.publish(*(plan(f"edit_{number}") for number in range(4)))
    rounds.until_idle()
    others = {path: path.stat().st_mtime_ns for path in rounds.bundle.path.rglob("*")}
    edited = plan("edit_2", title="new")
    feed.publish(edited)
    rounds.ask_for(relative_path("edit_2"))
    assert rounds.until_idle() == [relative_path("edit_2")]
    assert documentation("edit_2") == live(5, edited)
    assert stored("edit_2").bundle_version == "5"
    changed = {path.stem for path, moment in others.items() if path.stat().st_mtime_ns != moment}
    assert changed == {Path(relative_path("edit_2")).stem, "shards"}


def test_asking_for_the_sentinel_is_enough_for_a_new_workflow(feed: FakeFeed, rounds: Rounds) -> None:
    rounds.until_idle()
    feed.publish(plan("new_1"))
    rounds.ask_for(SENTINEL_FILE)
    assert set(rounds.until_idle()) == {SENTINEL_FILE, relative_path("new_1")}
    assert documentation("new_1") == live(1, plan("new_1"))


def test_one_bad_workflow_leaves_its_neighbours_and_is_reported(feed: FakeFeed, rounds: Rounds) -> None:
    good, bad, other = islice(neighbours("3c"), 3)
    feed.publish(plan(good), plan(bad), plan(other))
    rounds.until_idle()
    feed.publish(plan(bad, schedule=NEVER))
    rounds.ask_for(relative_path(bad))
    assert rounds.until_idle() == ["shards/3c.py"]
    assert documentation(bad) == live(2, plan(bad))
    assert not stored(bad).is_stale
    assert not stored(good).is_stale
    assert not stored(other).is_stale
    assert stored(good).bundle_version == "4"
    with create_session() as session:
        assert session.scalars(select(ParseImportError)).all() == []
    rounds.ask_for()
    rounds.until_idle()
    (problem,) = feed.problems
    assert (problem["workflow"], problem["revision"]) == (bad, 4)
    assert "99" in problem["message"]
    feed.publish(plan(bad, schedule=DAILY))
    rounds.ask_for(relative_path(bad))
    rounds.until_idle()
    rounds.ask_for()
    rounds.until_idle()
    assert feed.problems[1:] == []
    assert documentation(bad) == live(5, plan(bad, schedule=DAILY))


def test_a_run_that_begins_meanwhile_has_the_last_good_version(feed: FakeFeed, rounds: Rounds) -> None:
    feed.publish(plan("last_1"))
    rounds.until_idle()
    feed.publish(plan("last_1", schedule=NEVER), plan("last_2"))
    rounds.ask_for()
    rounds.until_idle()
    version = int(stored("last_1").bundle_version)
    assert version == 3
    assert on_worker("last_1", version) == {"last_1": live(1, plan("last_1"))}
    assert bundle(version).published("last_1", version) == (1, plan("last_1"))
    rounds.ask_for()
    rounds.until_idle()
    assert feed.answer("/feed/last_1/", {"revision": [str(version)]})[1]["entry"]["revision"] == 1
    feed.publish(plan("last_1", title="mended"))
    rounds.ask_for()
    rounds.until_idle()
    assert documentation("last_1") == live(4, plan("last_1", title="mended"))
    shutil.rmtree(rounds.bundle.path.parent / "versions")
    cleared = on_worker("last_1", version)
    assert cleared == {"last_1": live(1, plan("last_1"))}


def test_a_workflow_that_never_was_sound_has_no_dag(feed: FakeFeed, rounds: Rounds) -> None:
    feed.publish(plan("never_1", schedule=NEVER))
    rounds.until_idle()
    rounds.ask_for()
    rounds.until_idle()
    assert stored("never_1") is None
    assert [problem["revision"] for problem in feed.problems] == [1]
    with pytest.raises(NotPublished):
        bundle(1).published("never_1", 1)


def test_a_good_version_that_this_host_never_saw_is_fetched(feed: FakeFeed, rounds: Rounds) -> None:
    """It was superseded by the refused one before the dag-processor asked."""
    feed.publish(plan("between_1"))
    rounds.until_idle()
    feed.publish(plan("between_1", title="between"), plan("between_1", schedule=NEVER))
    rounds.ask_for()
    rounds.until_idle()
    rounds.ask_for()
    assert relative_path("between_1") in rounds.until_idle()
    assert documentation("between_1") == live(2, plan("between_1", title="between"))
    rounds.ask_for()
    assert rounds.until_idle() == []
    feed.asked.clear()
    rounds.ask_for()
    rounds.until_idle()
    assert feed.asked == ["/feed/?after=3"], "nothing is left to report"


def test_a_fresh_host_serves_the_last_good_version_and_tries_the_refused_one(
    feed: FakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refused one is taken when the policy that forbade it is gone; then Django publishes it anew."""
    feed.publish(plan("policy_1"), plan("policy_1", title="new"))
    feed.report([{"workflow": "policy_1", "revision": 2, "message": "forbidden"}])
    feed.problems.clear()
    rounds = Rounds()
    rounds.until_idle()
    assert documentation("policy_1") == live(1, plan("policy_1"))
    rounds.ask_for()
    rounds.until_idle()
    assert feed.problems == [{"workflow": "policy_1", "revision": 2, "message": ""}]
    rounds.ask_for()
    rounds.until_idle()
    assert documentation("policy_1") == live(3, plan("policy_1", title="new"))
    rounds.close()


def test_after_a_change_the_bundle_looks_again_soon_for_problems(feed: FakeFeed) -> None:
    feed.publish(plan("soon_1"))
    ours = followed()
    assert ours.refresh_interval == 0
    ours.refresh()
    assert ours.refresh_interval == 300


def test_a_retired_workflow_goes_stale_and_its_file_stays(
    feed: FakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD", "0")
    rounds = Rounds()
    feed.publish(plan("retired_1"))
    rounds.until_idle()
    feed.retire("retired_1")
    rounds.ask_for(relative_path("retired_1"))
    assert rounds.until_idle() == [relative_path("retired_1")]
    finished = {file: stat.last_finish_time for file, stat in rounds.manager._file_stats.items()}
    rounds.manager.deactivate_stale_dags(last_parsed=finished)
    assert stored("retired_1").is_stale
    assert (rounds.bundle.path / relative_path("retired_1")).exists()
    rounds.close()


def test_a_retired_workflow_is_parsed_once_more_after_airflows_threshold(
    feed: FakeFeed, rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.publish(plan("late_1"))
    rounds.until_idle()
    feed.retire("late_1")
    rounds.ask_for()
    assert rounds.until_idle() == [relative_path("late_1")]
    rounds.ask_for()
    assert rounds.until_idle() == [], "the default threshold of 50 s is not over"
    now = time.time()
    monkeypatch.setattr("windsock.airflow.dag.store.time.time", lambda: now + 60)
    rounds.ask_for()
    assert rounds.until_idle() == [relative_path("late_1")]


def test_a_shard_does_not_change_while_it_is_parsed(feed: FakeFeed, rounds: Rounds) -> None:
    """Airflow stamps the version when it collects: the old DAG would carry the new one."""
    file = relative_path("flight_1")
    feed.publish(plan("flight_1"))
    rounds.until_idle()
    feed.publish(plan("flight_1", title="second"))
    rounds.ask_for(file)
    rounds.begin()
    assert rounds.bundle.processor.in_flight() == {file}
    feed.publish(plan("flight_1", title="third"))
    rounds.ask_for(file)
    rounds.begin()
    assert rounds.bundle.get_current_version() == BundleVersion("2")
    rounds.until(lambda: not rounds.manager._processors)
    assert documentation("flight_1") == live(2, plan("flight_1", title="second"))
    assert stored("flight_1").bundle_version == "2"
    assert file in rounds.until_idle()
    assert documentation("flight_1") == live(3, plan("flight_1", title="third"))
    assert stored("flight_1").bundle_version == "3"


def test_a_change_elsewhere_need_not_wait_for_a_file_that_is_parsed(feed: FakeFeed, rounds: Rounds) -> None:
    feed.publish(plan("flight_2"), plan("flight_3"))
    rounds.until_idle()
    feed.publish(plan("flight_2", title="new"))
    rounds.ask_for(relative_path("flight_2"))
    rounds.begin()
    feed.publish(plan("flight_3", title="new"))
    rounds.ask_for()
    rounds.begin()
    assert rounds.bundle.get_current_version() == BundleVersion("4")
    rounds.until_idle()
    assert [stored(name).bundle_version for name in ("flight_2", "flight_3")] == ["4", "4"]


def test_a_change_overtakes_a_full_parse(feed: FakeFeed, rounds: Rounds) -> None:
    feed.publish(*(plan(f"full_{number}") for number in range(6)))
    rounds.manager._parallelism = 1
    rounds.begin()
    rounds.until(lambda: not rounds.manager._processors)
    (done,) = [file for file in rounds.parsed if file != SENTINEL_FILE] or [relative_path("full_0")]
    name = next(f"full_{n}" for n in range(6) if relative_path(f"full_{n}") == done)
    feed.publish(plan(name, title="new"))
    rounds.ask_for()
    rounds.parsed.clear()
    rounds.begin()
    assert rounds.parsed == [done]
    assert rounds.manager._file_queue
    rounds.until_idle()
    assert documentation(name) == live(7, plan(name, title="new"))


def test_what_is_about_to_change_is_not_parsed_before(feed: FakeFeed, rounds: Rounds) -> None:
    """With two parsing processes one file of ours is in flight nearly always: a change would wait for all."""
    names = [f"wave_{number}" for number in range(12)]
    files = {relative_path(name) for name in names}
    rounds.manager._parallelism = 2
    feed.publish(*(plan(name) for name in names))
    rounds.begin()
    begun = files & set(rounds.parsed)
    feed.publish(*(plan(name, title="new") for name in names))
    rounds.ask_for()
    parsed = Counter(rounds.until_idle())
    assert {file: parsed[file] for file in files} == dict.fromkeys(files, 1)
    assert begun
    first = feed.revision - len(names) + 1
    assert last_lines(names) == [live(first + i, plan(n, title="new")) for i, n in enumerate(names)]


def test_the_feed_is_not_asked_while_a_file_that_is_to_change_is_parsed(
    feed: FakeFeed, rounds: Rounds
) -> None:
    feed.publish(plan("flight_4"))
    rounds.until_idle()
    feed.publish(plan("flight_4", title="second"))
    rounds.ask_for(relative_path("flight_4"))
    rounds.begin()
    feed.publish(plan("flight_4", title="third"))
    rounds.ask_for()
    rounds.begin()
    asked = len(feed.asked)
    rounds.begin()
    assert len(feed.asked) == asked
    rounds.until_idle()
    assert documentation("flight_4") == live(3, plan("flight_4", title="third"))


def test_many_edits_of_one_shard_all_go_live(feed: FakeFeed, rounds: Rounds) -> None:
    names = list(islice(neighbours("7e"), 5))
    feed.publish(*(plan(name) for name in names))
    for turn in range(4):
        rounds.begin()
        for name in names:
            feed.publish(plan(name, title=f"turn {turn}"))
        rounds.ask_for(relative_path(names[0]))
    rounds.until_idle()
    first = feed.revision - len(names) + 1
    assert last_lines(names) == [live(first + i, plan(n, title="turn 3")) for i, n in enumerate(names)]


# When something is wrong


def test_with_django_down_everything_stays_and_is_said_once(
    feed: FakeFeed, rounds: Rounds, caplog: pytest.LogCaptureFixture
) -> None:
    feed.publish(plan("down_1"))
    rounds.until_idle()
    feed.down = True
    with caplog.at_level(logging.WARNING, "windsock"):
        for _ in range(3):
            rounds.ask_for()
            assert rounds.until_idle() == []
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "answered 503" in caplog.text
    assert not stored("down_1").is_stale
    feed.down = False
    feed.publish(plan("down_1", title="new"))
    rounds.ask_for()
    rounds.until_idle()
    assert documentation("down_1") == live(2, plan("down_1", title="new"))


def test_a_damaged_shard_heals_itself(feed: FakeFeed, rounds: Rounds) -> None:
    feed.publish(plan("heal_1"), plan("heal_2"))
    rounds.until_idle()
    (rounds.bundle.path / relative_path("heal_1")).with_suffix(".json").write_text("{")
    rounds.ask_for()
    assert rounds.until_idle() == [relative_path("heal_1")]
    assert "/feed/?after=0" in feed.asked[-2:]
    assert not stored("heal_1").is_stale


def test_lost_files_come_back(feed: FakeFeed, rounds: Rounds) -> None:
    feed.publish(plan("back_1"))
    rounds.until_idle()
    (rounds.bundle.path / relative_path("back_1")).unlink()
    (rounds.bundle.path / SENTINEL_FILE).unlink()
    rounds.ask_for()
    assert relative_path("back_1") in rounds.until_idle()
    assert (rounds.bundle.path / SENTINEL_FILE).exists()


def test_lost_state_is_read_anew_without_parsing_anything(
    feed: FakeFeed, rounds: Rounds, tmp_path: Path
) -> None:
    feed.publish(plan("lost_1"))
    rounds.until_idle()
    (tmp_path / "windsock" / "state.json").unlink()
    rounds.ask_for()
    assert rounds.until_idle() == []
    assert rounds.bundle.get_current_version() == BundleVersion("1")


def test_another_database_replaces_everything(feed: FakeFeed) -> None:
    feed.publish(plan("old_1"), plan("old_2"))
    ours = followed()
    feed.versions.clear()
    feed.publish(plan("fresh_1"))
    ours.refresh()
    assert ours.get_current_version() == BundleVersion("1")
    assert ours.published("fresh_1", 1)[1] == plan("fresh_1")
    with pytest.raises(NotPublished):
        ours.published("old_1")


def test_an_unreadable_feed_is_no_reason_to_fall_over(
    feed: FakeFeed, caplog: pytest.LogCaptureFixture
) -> None:
    feed.publish(plan("wire_1"))
    ours = followed()
    feed.protocol = 99
    ours.refresh()
    assert "protocol 99" in caplog.text
    assert ours.get_current_version() == BundleVersion("1")


# On a worker


def on_worker(workflow: str, version: int | None) -> dict[str, str]:
    """What a worker's task process finds: the documentation of each DAG."""
    # Airflow's own context leaves its variables behind when they were not set before.
    with patch.dict(os.environ), _airflow_parsing_context_manager(dag_id=workflow, task_id="sync"):
        ours = bundle(version)
        ours.initialize()
        folder = ours.path
        bag = BundleDagBag(
            dag_folder=folder / relative_path(workflow),
            bundle_path=folder,
            bundle_name="windsock",
            safe_mode=False,
        )
    assert ours.path == folder, "the path outlives the parsing context"
    DagContext.autoregistered_dags.clear()
    sys.path.remove(str(folder))
    assert len(list(folder.rglob("*.py"))) == 1
    return {name: str(dag.doc_md) for name, dag in bag.dags.items()}


def test_a_worker_gets_one_workflow_as_its_run_began_with_it(feed: FakeFeed) -> None:
    first, second = islice(neighbours("b0"), 2)
    feed.publish(plan(first), plan(second), plan(first, title="new"))
    assert on_worker(first, 2) == {first: live(1, plan(first))}
    assert on_worker(first, 3) == {first: live(3, plan(first, title="new"))}
    assert on_worker(first, None) == {first: live(3, plan(first, title="new"))}


def test_two_workflows_at_one_version_do_not_disturb_each_other(feed: FakeFeed) -> None:
    feed.publish(plan("pin_1"), plan("pin_2"))
    assert set(on_worker("pin_1", 2)) == {"pin_1"}
    assert set(on_worker("pin_2", 2)) == {"pin_2"}


def test_beside_the_dag_processor_a_worker_asks_nobody(feed: FakeFeed) -> None:
    feed.publish(plan("near_1"), plan("near_2"))
    followed()
    feed.asked.clear()
    assert on_worker("near_1", 2) == {"near_1": live(1, plan("near_1"))}
    assert bundle(2).published("near_2", 2)[1] == plan("near_2")
    assert feed.asked == []


def test_what_was_fetched_once_needs_no_django(feed: FakeFeed) -> None:
    feed.publish(plan("far_1"), plan("far_1", title="new"))
    assert bundle(1).published("far_1", 1)[1] == plan("far_1")
    feed.down = True
    assert bundle(1).published("far_1", 1)[1] == plan("far_1")
    assert on_worker("far_1", 1) == {"far_1": live(1, plan("far_1"))}
    with pytest.raises(FeedUnavailable):
        bundle(2).published("far_1", 2)


def test_an_old_run_of_a_retired_workflow_still_finds_it(feed: FakeFeed) -> None:
    feed.publish(plan("gone_1"))
    feed.retire("gone_1")
    followed()
    assert on_worker("gone_1", 1) == {"gone_1": live(1, plan("gone_1"))}
    with pytest.raises(NotPublished, match="retired in revision 2"):
        bundle().published("gone_1")


def test_a_pinned_bundle_is_never_refreshed(feed: FakeFeed) -> None:
    feed.publish(plan("still_1"))
    ours = bundle(1)
    ours.refresh()
    assert feed.asked == []
    assert ours.get_current_version() == BundleVersion("1")


def test_a_pinned_bundle_without_a_workflow_is_empty(feed: FakeFeed) -> None:
    feed.publish(plan("none_1"))
    ours = bundle(1)
    ours.initialize()
    assert list(ours.path.iterdir()) == []


# The real thing


def test_the_real_dag_processor_serves_what_was_published(feed: FakeFeed, airflow_home: Path) -> None:
    feed.publish(plan("real_1", schedule=DAILY))
    command = [sys.executable, "-m", "airflow", "dag-processor", "--num-runs", "2"]
    environment = {**os.environ, "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "0"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert documentation("real_1") == live(1, plan("real_1", schedule=DAILY))
    assert "Callback requests for Windsock's bundles are dropped" in ended.stdout + ended.stderr


def test_two_projects_have_two_bundles(
    feed: FakeFeed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kwargs = {"windsock": {}, "blog": {"section": "windsock_blog"}}
    classpath = "windsock.airflow.bundle.WindsockDagBundle"
    bundles = [{"name": name, "classpath": classpath, "kwargs": each} for name, each in kwargs.items()]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
    with serving() as other:
        monkeypatch.setenv("AIRFLOW__WINDSOCK_BLOG__URL", other.url)
        monkeypatch.setenv("AIRFLOW__WINDSOCK_BLOG__FEED_KEY", KEY)
        feed.publish(plan("shop_1"))
        other.publish(plan("blog_1"))
        found = {}
        for name in kwargs:
            each = DagBundlesManager().get_bundle(name)
            each.initialize()
            each.refresh()
            found[name] = each
    assert {name for name in kwargs if (found[name].path / relative_path("blog_1")).exists()} == {"blog"}
    sentinels = [runpy.run_path(str(found[name].path / SENTINEL_FILE))["dag"].dag_id for name in kwargs]
    assert sentinels == [SENTINEL, f"{SENTINEL}.blog"]
