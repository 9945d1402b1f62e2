"""How a task instance that waited in the triggerer ends: there, or on a worker if only that can end it."""

import asyncio
from collections.abc import Mapping
from functools import cache
from typing import Any

from airflow import __version__
from airflow.configuration import conf
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow.triggers.base import (
    BaseTrigger,
    TaskFailedEvent,
    TaskSkippedEvent,
    TaskSuccessEvent,
    TriggerEvent,
)

from windsock.airflow.callbacks import AFFECTED
from windsock.airflow.operators.deferral import needs_worker

RESULT = "return_value"
#: How it ended: "done" with "value"; "skipped", "failed" or "timed out" with "message" and maybe "final".
End = Mapping[str, Any]


async def event_for(trigger: BaseTrigger, end: End, *, retries: int, push: bool) -> TriggerEvent:
    """Return the event that ends the task instance.

    Args:
        trigger: which waited.
        end: how it ended.
        retries: of the task; whether a failure that is final needs a worker to say so.
        push: whether the value is pushed as XCom.
    """
    is_final = end.get("final") or end["end"] == "timed out"
    if (is_final and retries) or not await _ends_here(trigger, end):
        return TriggerEvent(dict(end))  # type: ignore[no-untyped-call]
    if end["end"] == "skipped":
        return TaskSkippedEvent()
    if end["end"] != "done":
        return TaskFailedEvent()
    value = end.get("value")
    return TaskSuccessEvent(xcoms={RESULT: value} if push and value is not None else None)


def resume(end: End) -> Any:
    """End the task instance on a worker: return the value, or raise what the end says.

    Raises:
        AirflowSkipException: it was skipped.
        AirflowSensorTimeout: what was waited for did not come in time.
        AirflowFailException: it failed, and another try makes no sense.
        AirflowException: it failed.
    """
    message = end.get("message", "")
    match end["end"]:
        case "done":
            return end.get("value")
        case "skipped":
            raise AirflowSkipException(message)
        case "timed out":
            raise AirflowSensorTimeout(message)
    raise (AirflowFailException if end.get("final") else AirflowException)(message)


async def _ends_here(trigger: BaseTrigger, end: End) -> bool:
    if end["end"] == "done" and trigger.task is not None and needs_worker(trigger.task):
        return False
    return not (getattr(trigger, "resumes", False) or await asyncio.to_thread(_would_loop))


@cache
def _would_loop() -> bool:
    """Whether a task that ends in the triggerer may put the dag-processor into an endless loop.

    That is so in some versions of Airflow for DAGs of a bundle with versions; our own bundle is guarded.
    Source: ``windsock.airflow.callbacks``.
    """
    if __version__ not in AFFECTED or conf.getboolean("dag_processor", "disable_bundle_versioning"):
        return False
    bundles: Any = conf.getjson("dag_processor", "dag_bundle_config_list") or []
    return any(_is_unguarded(str(bundle.get("classpath"))) for bundle in bundles if isinstance(bundle, dict))


def _is_unguarded(classpath: str) -> bool:
    from airflow.sdk._shared.module_loading import import_string

    try:
        found = import_string(classpath)
    except ImportError:
        return True
    return bool(found.supports_versioning) and not getattr(found, "drops_callbacks", False)
