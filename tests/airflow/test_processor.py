import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing import manager as airflow_manager
from airflow.dag_processing.manager import DagFileInfo, DagFileProcessorManager

from windsock.airflow.processor import Processor, introduce

#: What Airflow imports with its first manager says so, whichever test that is in.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")


@pytest.fixture
def unpatched(monkeypatch: pytest.MonkeyPatch) -> type[DagFileProcessorManager]:
    """Airflow's manager as it ships, whatever ran before in this process."""
    for name in ("should_skip_refresh", "_start_new_processes"):
        shipped = getattr(DagFileProcessorManager, name)
        monkeypatch.setattr(DagFileProcessorManager, name, getattr(shipped, "__wrapped__", shipped))
    return DagFileProcessorManager


def file(name: str, bundle: str = "windsock") -> DagFileInfo:
    return DagFileInfo(rel_path=Path(name), bundle_name=bundle, bundle_path=Path("/live"))


def asked(manager: DagFileProcessorManager, bundle: Any, elapsed: float) -> bool:
    return manager.should_skip_refresh(
        bundle=bundle,
        elapsed_time_since_refresh=elapsed,
        current_version_matches_db=True,
        previously_seen=True,
    )


@pytest.mark.usefixtures("unpatched")
def test_the_dag_processor_introduces_itself_to_our_bundles_alone() -> None:
    assert introduce()
    manager = DagFileProcessorManager(max_runs=1)
    ours = SimpleNamespace(name="windsock", refresh_interval=30, follows_processor=True, processor=None)
    foreign = SimpleNamespace(name="git", refresh_interval=30)
    assert asked(manager, ours, 10) is asked(manager, foreign, 10) is True
    assert asked(manager, ours, 40) is asked(manager, foreign, 40) is False
    assert isinstance(ours.processor, Processor)
    assert not hasattr(foreign, "processor")


def test_introducing_twice_wraps_once(unpatched: type[DagFileProcessorManager]) -> None:
    assert introduce()
    first = unpatched.should_skip_refresh
    assert introduce()
    assert unpatched.should_skip_refresh is first


def test_a_manager_of_another_shape_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Newer:
        def should_skip_refresh(self, *, bundle: Any) -> bool:
            return False

    shipped = Newer.should_skip_refresh
    monkeypatch.setattr(airflow_manager, "DagFileProcessorManager", Newer)
    with caplog.at_level(logging.WARNING):
        assert not introduce()
    assert Newer.should_skip_refresh is shipped
    assert "another shape" in caplog.text


def test_what_is_being_parsed_is_known_until_it_is_collected() -> None:
    manager = DagFileProcessorManager(max_runs=1)
    manager._processors = {file("shards/a7.py"): None, file("other.py", "git"): None}  # type: ignore[dict-item]
    processor = Processor(manager, "windsock")
    assert processor.in_flight() == {"shards/a7.py"}
    manager._processors.clear()
    assert processor.in_flight() == set()


def test_changed_files_go_to_the_front_of_the_queue() -> None:
    manager = DagFileProcessorManager(max_runs=1)
    manager._add_files_to_queue([file("shards/00.py"), file("shards/a7.py")], mode="back")
    Processor(manager, "windsock").parse_next(["shards/a7.py"], Path("/live"))
    assert list(manager._file_queue) == [file("shards/a7.py"), file("shards/00.py")]


def test_files_that_are_about_to_change_are_not_started(
    unpatched: type[DagFileProcessorManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []

    def start(self: DagFileProcessorManager) -> None:
        started.append(list(self._file_queue))

    monkeypatch.setattr(unpatched, "_start_new_processes", start)
    assert introduce()
    manager = DagFileProcessorManager(max_runs=1)
    manager._dag_bundles = [
        SimpleNamespace(name="windsock", awaited={"shards/a7.py", "shards/ff.py"}),  # type: ignore[list-item]
        SimpleNamespace(name="git"),  # type: ignore[list-item]
    ]
    queue = [file("shards/a7.py"), file("shards/00.py"), file("shards/a7.py", "git")]
    manager._add_files_to_queue(queue, mode="back")
    manager._start_new_processes()
    assert started == [queue[1:]]
    assert list(manager._file_queue) == [*queue[1:], queue[0]]


def test_looking_at_once_needs_no_pause() -> None:
    manager = DagFileProcessorManager(max_runs=1)
    manager._bundles_last_refreshed = 2.0**40
    Processor(manager, "windsock").look_at_once()
    assert manager._bundles_last_refreshed + manager.bundle_refresh_check_interval < 0


def test_without_a_dag_processor_there_is_nothing_to_heed() -> None:
    processor = Processor()
    assert processor.in_flight() == set()
    processor.parse_next(["shards/a7.py"], Path("/live"))
    processor.look_at_once()


def test_a_manager_that_is_gone_is_no_longer_heeded() -> None:
    processor = Processor(DagFileProcessorManager(max_runs=1), "windsock")
    assert processor.in_flight() == set()
