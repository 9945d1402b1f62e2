import logging
from collections.abc import Iterator

import pytest
from airflow.callbacks.callback_requests import DagCallbackRequest
from airflow.dag_processing import manager as airflow_manager
from airflow.dag_processing.manager import DagFileProcessorManager
from tests.airflow.dag_processor import AIRFLOWS_OWN, Rounds
from tests.airflow.fake_feed import FakeFeed
from tests.airflow.plans import plan

from windsock.airflow import callbacks
from windsock.airflow.dag.shards import relative_path

pytestmark = [pytest.mark.usefixtures("metadata"), AIRFLOWS_OWN]


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's manager as it ships, whatever ran before in this process."""
    method = DagFileProcessorManager.prepare_callback_bundle
    monkeypatch.setattr(
        DagFileProcessorManager, "prepare_callback_bundle", getattr(method, "__wrapped__", method)
    )


@pytest.fixture
def rounds(shipped: None, feed: FakeFeed) -> Iterator[Rounds]:
    feed.publish(plan("shop_sync"))
    rounds = Rounds()
    yield rounds
    rounds.close()


def request() -> DagCallbackRequest:
    """What the scheduler sends when a task's heartbeat stopped, or when one ended in the triggerer."""
    return DagCallbackRequest(
        filepath=relative_path("shop_sync"),
        dag_id="shop_sync",
        run_id="manual",
        bundle_name="windsock",
        bundle_version="1",
        is_failure_callback=True,
        msg="heartbeat time-out",
    )


def parses_after_a_callback(rounds: Rounds) -> list[int]:
    """How many files are parsed in each of four rounds in which nothing changes."""
    rounds.until_idle()
    rounds.manager._add_callback_to_queue(request())
    counts = []
    for _ in range(5):
        rounds.parsed.clear()
        rounds.begin()
        counts.append(len(rounds.parsed))
        rounds.until(lambda: not rounds.manager._processors)
    return counts[1:]  # the first is the callback itself


def test_airflow_still_parses_for_ever_after_a_callback(
    rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alarm: when this fails, Airflow was repaired and ``windsock.airflow.callbacks`` can go."""
    monkeypatch.setattr(callbacks, "drop", lambda: False)
    assert parses_after_a_callback(rounds) == [1, 1, 1, 1]


def test_dropped_callbacks_leave_the_dag_processor_idle(rounds: Rounds) -> None:
    assert parses_after_a_callback(rounds) == [0, 0, 0, 0]
    assert not rounds.manager._callback_to_execute


@pytest.mark.usefixtures("shipped")
def test_callbacks_of_other_bundles_are_served(feed: FakeFeed) -> None:
    assert callbacks.drop()
    manager = DagFileProcessorManager(max_runs=1)
    assert manager.prepare_callback_bundle(request()) is not None


@pytest.mark.usefixtures("shipped")
def test_dropping_twice_wraps_once() -> None:
    assert callbacks.drop()
    first = DagFileProcessorManager.prepare_callback_bundle
    assert callbacks.drop()
    assert DagFileProcessorManager.prepare_callback_bundle is first


@pytest.mark.usefixtures("shipped")
def test_another_airflow_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    method = DagFileProcessorManager.prepare_callback_bundle
    with caplog.at_level(logging.INFO):
        assert not callbacks.drop("3.3.9")
    assert DagFileProcessorManager.prepare_callback_bundle is method
    assert "3.3.9" in caplog.text


def test_a_manager_of_another_shape_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Newer:
        def prepare_callback_bundle(self, request: object, session: object) -> None: ...

    monkeypatch.setattr(airflow_manager, "DagFileProcessorManager", Newer)
    assert not callbacks.drop()
    assert not hasattr(Newer.prepare_callback_bundle, "drops")
