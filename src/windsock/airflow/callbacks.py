"""A workaround for the dag-processor's endless loop: callback requests for our bundle are dropped.

Airflow 3.3.1 and 3.3.2 keep a second record for a file once a callback ran for it. That record never gets a
finish time, hides the real one, and the file is parsed again in every round of the loop, for ever. Any
request does it: a task whose heartbeat stopped, a task that ended in the triggerer. Our DAGs have no
callbacks, so nothing is lost.

Source: https://github.com/apache/airflow/issues/73432; Airflow 3.3.2, ``dag_processing/manager.py``:
``_add_callback_to_queue``, ``prepare_file_queue``. The decision is
docs/decisions/0003-drop-callback-requests.md.
"""

import functools
import inspect
import logging
import sys
from typing import Any

from airflow import __version__

log = logging.getLogger(__name__)

AFFECTED = frozenset({"3.3.1", "3.3.2"})


def drop(version: str = __version__) -> bool:
    """Make the dag-processor of this process, if it is one, drop callback requests for our bundles.

    Args:
        version: of Airflow.

    Returns:
        Whether it drops them now.
    """
    module = sys.modules.get("airflow.dag_processing.manager")
    if module is None:
        return False
    manager = module.DagFileProcessorManager
    original = getattr(manager, "prepare_callback_bundle", None)
    if getattr(original, "drops", False):
        return True
    if version not in AFFECTED or not _has_known_shape(manager):
        log.info("Airflow %s: callback requests are left alone; see windsock.airflow.callbacks", version)
        return False

    @functools.wraps(original)  # type: ignore[arg-type]
    def prepare_callback_bundle(self: Any, request: Any) -> Any:
        if any(
            bundle.name == request.bundle_name and getattr(bundle, "drops_callbacks", False)
            for bundle in self._dag_bundles
        ):
            log.debug("Dropped a callback request for the bundle %s", request.bundle_name)
            return None
        return original(self, request)  # type: ignore[misc]

    prepare_callback_bundle.drops = True  # type: ignore[attr-defined]
    manager.prepare_callback_bundle = prepare_callback_bundle
    log.info("Callback requests for Windsock's bundles are dropped (Airflow issue 73432)")
    return True


def _has_known_shape(manager: Any) -> bool:
    original = getattr(manager, "prepare_callback_bundle", None)
    fields = {field.name for field in getattr(manager, "__attrs_attrs__", ())}
    return (
        original is not None
        and list(inspect.signature(original).parameters) == ["self", "request"]
        and {"_dag_bundles", "_file_stats", "_callback_to_execute"} <= fields
    )
