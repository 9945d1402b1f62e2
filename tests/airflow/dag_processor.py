"""Airflow's real dag-processor, driven round by round in the test's process; it forks a child per file."""

import gc
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from airflow.dag_processing.manager import DagFileInfo, DagFileProcessorManager
from airflow.models.dag import DagModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from sqlalchemy import select

from windsock.airflow.bundle import WindsockDagBundle

#: For modules that drive the dag-processor: it leaves sockets open and forks beside the threads of a test.
AIRFLOWS_OWN = pytest.mark.filterwarnings(
    "ignore:unclosed:ResourceWarning", "ignore:.*multi-threaded, use of fork:DeprecationWarning"
)


class Rounds:
    """One manager and what it did."""

    def __init__(self) -> None:
        self.manager = DagFileProcessorManager(max_runs=-1)
        # Whatever a DAG file asks of Airflow while it is parsed would go here; ours ask for nothing.
        self.manager._api_server = SimpleNamespace(transport=httpx.MockTransport(_refuse))  # type: ignore[assignment]
        self.manager.prepare_server_process_context()
        self.manager.prepare_process_context()
        self.manager.prepare_bundles()
        self.known: dict[str, set[DagFileInfo]] = {}
        self.parsed: list[str] = []

    @property
    def bundle(self) -> WindsockDagBundle:
        (bundle,) = self.manager._dag_bundles
        assert isinstance(bundle, WindsockDagBundle)
        return bundle

    def ask_for(self, *paths: str) -> None:
        """What ``PUT /api/v2/parseDagFile`` leads to."""
        files = [
            DagFileInfo(rel_path=Path(path), bundle_name=self.bundle.name, bundle_path=self.bundle.path)
            for path in paths
        ]
        self.manager._add_files_to_queue(files, mode="frontprio")
        self.manager.request_bundle_refresh(self.bundle.name)

    def begin(self) -> None:
        """The first half of a round: refresh, queue, start."""
        self.manager._refresh_dag_bundles(known_files=self.known)
        if not self.manager._file_queue:
            self.manager.prepare_file_queue(known_files=self.known)
        before = set(self.manager._processors)
        self.manager._start_new_processes()
        self.parsed += sorted(str(file.rel_path) for file in set(self.manager._processors) - before)

    def end(self) -> None:
        """The second half: collect what is ready."""
        self.manager._service_processor_sockets(timeout=0.2)
        self.manager._collect_results()
        for callback in self.manager.fetch_callbacks():
            self.manager._add_callback_to_queue(callback)

    def until_idle(self, timeout: float = 30.0) -> list[str]:
        """Go round until nothing is left to do; return the files that were parsed."""
        self.parsed.clear()
        deadline = time.monotonic() + timeout
        while True:
            self.begin()
            if not self.manager._file_queue and not self.manager._processors:
                return list(self.parsed)
            self.end()
            assert time.monotonic() < deadline, "the dag-processor does not come to rest"

    def until(self, condition: Callable[[], bool], timeout: float = 30.0) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            self.end()
            assert time.monotonic() < deadline

    def close(self) -> None:
        self.manager.terminate()
        self.manager.end()
        self.manager.selector.close()
        # Airflow leaves its ends of the children's sockets to the garbage collector.
        del self.manager
        gc.collect()


def _refuse(request: httpx.Request) -> httpx.Response:
    return httpx.Response(500, text=f"parsing asked for {request.url}")


def stored(workflow: str) -> Any:
    """Return the row of a DAG; None when Airflow does not know it."""
    with create_session() as session:
        return session.scalar(select(DagModel).where(DagModel.dag_id == workflow))


def documentation(workflow: str) -> str:
    """Return what Airflow serves as a DAG's documentation: its last line names revision and digest."""
    with create_session() as session:
        dag = SerializedDagModel.get_dag(workflow, session=session)
        return str(dag.doc_md) if dag else ""


def last_lines(workflows: Sequence[str]) -> list[str]:
    return [documentation(workflow).rpartition("\n")[2] for workflow in workflows]
