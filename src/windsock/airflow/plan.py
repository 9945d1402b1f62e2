"""What a step's process is asked to do: the published document, earlier results, parameters, one Call.

Nothing of Airflow's coordinators is imported here, so that a step runs where there are none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.sdk.configuration import conf

from windsock.call import Call
from windsock.workflow import Retry, Step, Workflow

RESULT = "return_value"  # Source: Airflow 3.3, ``XCOM_RETURN_KEY``.
#: Bytes of JSON that a result may have in Airflow, unless ``[windsock] xcom_limit`` says otherwise.
XCOM_LIMIT = 48 * 1024
#: Source: Airflow 3.3, ``MAX_RETRY_DELAY``.
_MAX_DELAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One attempt of one step."""

    step: Step
    call: Call


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What Airflow tells of an attempt when it begins."""

    run: Any  #: the Dag run, with its dates and ``conf``
    max_tries: int
    result_of: Callable[[str], Any]  #: reads the XCom of an earlier step


def identity(ti: Any, bundle: Any) -> dict[str, Any]:
    """Return the keywords that tell one attempt of a step from every other.

    Args:
        ti: the task instance.
        bundle: what it is pinned to, with ``name`` and ``version``.
    """
    return {
        "workflow": ti.dag_id,
        "revision": revision(bundle),
        "run_id": ti.run_id,
        "step": ti.task_id,
        "map_index": -1 if ti.map_index is None else ti.map_index,
        "attempt": ti.try_number,
    }


def make_plan(function: str, ti: Any, bundle: Any, around: Surroundings) -> Plan:
    """Read what the step needs, and put it into its Call.

    Raises:
        KeyError: the published document has no such step.
    """
    version, workflow = published(bundle.name, ti.dag_id, revision(bundle))
    step, run = workflow.step(ti.task_id), around.run
    kwargs = identity(ti, bundle) | {
        "version": version,
        # Clearing raises the limit by the retries. Source: Airflow 3.3, ``clear_task_instances``.
        "first_attempt": max(1, around.max_tries - step.retry.limit + 1),
        "logical_date": _iso(run.logical_date),
        "data_interval_start": _iso(run.data_interval_start),
        "data_interval_end": _iso(run.data_interval_end),
        "params": {name: param.default for name, param in workflow.params.items()} | (run.conf or {}),
        "results": {name: around.result_of(name) for name in step.uses},
        "xcom_limit": conf.getint("windsock", "xcom_limit", fallback=XCOM_LIMIT),
    }
    return Plan(step=step, call=Call(function=function, kwargs=kwargs))


def published(bundle: str, workflow_id: str, revision: int | None) -> tuple[int, Workflow]:
    """Return a workflow as it was in force at ``revision`` with the revision of that version.

    It comes from the bundle's local files where they hold it.
    """
    found: Any = _bundles().get_bundle(bundle, None if revision is None else str(revision))
    return found.published(workflow_id, revision)  # type: ignore[no-any-return]


def revision(bundle: Any) -> int | None:
    """Return the revision to which a run is pinned; ``None`` for the newest."""
    return int(bundle.version) if bundle.version else None


def delay(retry: Retry, attempt: int) -> timedelta:
    """Return how long to wait after ``attempt`` (from 1) failed."""
    if not retry.backoff:
        return retry.delay
    doublings = min(attempt - 1, 32)  # more would leave the range of timedelta before the bound is applied
    bound = retry.max_delay or _MAX_DELAY
    return min(timedelta(seconds=retry.delay.total_seconds() * 2.0**doublings), bound)


@cache
def _bundles() -> DagBundlesManager:
    return DagBundlesManager()  # type: ignore[no-untyped-call]


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
