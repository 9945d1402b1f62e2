"""What a bundle needs of the dag-processor that refreshes it.

Airflow 3.3 stamps the bundle's version on a result when it collects it, and parses a file again only if the
file is newer than its last finish. So a shard must not change while it is being parsed: its old DAGs would
carry the new version, and the new ones would not be seen. The manager offers ``should_skip_refresh`` for
overriding; there it tells our bundles what it is doing. And it starts no file that is about to change: with
several parsing processes one of ours is in flight nearly always, and a change would wait for all of them.
Where the manager has another shape, a bundle works without this: Django asks again until it sees what it
published.

Source: Airflow 3.3.2, ``dag_processing/manager.py``: ``handle_parsing_result``, ``_sort_by_mtime``,
``_start_new_processes``.
"""

import functools
import inspect
import logging
import sys
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_NEEDED = (
    "_processors",
    "_dag_bundles",
    "_file_queue",
    "_bundles_last_refreshed",
    "_add_files_to_queue",
    "_start_new_processes",
)


class Processor:
    """The dag-processor's manager, as far as one bundle needs it; without one there is nothing to heed."""

    def __init__(self, manager: Any = None, bundle: str = "") -> None:
        self._manager: Callable[[], Any] = weakref.ref(manager) if manager is not None else _nobody
        self._bundle = bundle

    def in_flight(self) -> set[str]:
        """Return the bundle's files that are being parsed or whose result is not collected yet."""
        manager = self._manager()
        files = manager._processors if manager else ()
        return {str(file.rel_path) for file in files if file.bundle_name == self._bundle}

    def parse_next(self, paths: Iterable[str], folder: Path) -> None:
        """Put files at the front of the queue; without this they wait until it is empty."""
        if manager := self._manager():
            info = sys.modules[type(manager).__module__].DagFileInfo
            files = [
                info(rel_path=Path(path), bundle_name=self._bundle, bundle_path=folder) for path in paths
            ]
            manager._add_files_to_queue(files, mode="frontprio")

    def look_at_once(self) -> None:
        """Let the manager look at its bundles in its next round, without the usual pause."""
        if manager := self._manager():
            manager._bundles_last_refreshed = float("-inf")


def _nobody() -> None:
    return None


def introduce() -> bool:
    """Let the dag-processor of this process, if it is one, introduce itself to our bundles.

    Returns:
        Whether it does.
    """
    module = sys.modules.get("airflow.dag_processing.manager")
    if module is None:
        return False
    manager = module.DagFileProcessorManager
    original = getattr(manager, "should_skip_refresh", None)
    if getattr(original, "introduces", False):
        return True
    names = {field.name for field in getattr(manager, "__attrs_attrs__", ())} | set(dir(manager))
    missing = [name for name in _NEEDED if name not in names]
    if original is None or "bundle" not in inspect.signature(original).parameters or missing:
        log.warning(
            "The dag-processor has another shape than Airflow 3.3.2; publishing may take a second longer"
        )
        return False
    _tell_bundles(manager, original)
    _hold_back(manager)
    return True


def _tell_bundles(manager: Any, original: Callable[..., Any]) -> None:
    @functools.wraps(original)
    def should_skip_refresh(self: Any, *, bundle: Any, **facts: Any) -> bool:
        if getattr(bundle, "follows_processor", False):
            bundle.processor = Processor(self, bundle.name)
        return bool(original(self, bundle=bundle, **facts))

    should_skip_refresh.introduces = True  # type: ignore[attr-defined]
    manager.should_skip_refresh = should_skip_refresh


def _hold_back(manager: Any) -> None:
    original = manager._start_new_processes

    @functools.wraps(original)
    def start_new_processes(self: Any) -> None:
        awaited = {bundle.name: getattr(bundle, "awaited", ()) for bundle in self._dag_bundles}
        held = [file for file in self._file_queue if str(file.rel_path) in awaited.get(file.bundle_name, ())]
        for file in held:
            del self._file_queue[file]
        try:
            original(self)
        finally:
            self._add_files_to_queue(held, mode="back")

    manager._start_new_processes = start_new_processes
