"""The dag-processor asks for the runs of a file's DAGs in two questions, not in two for each DAG.

Airflow 3.3 asks for the latest run and the number of active ones DAG by DAG while it stores a file: a quarter
of the dag-processor's own time where a file holds forty.

Source: Airflow 3.3.2, ``dag_processing/collection.py``: ``DagModelOperation.update_dags``,
``_RunInfo.calculate``. The decision is docs/decisions/0012-work-done-once.md.
"""

import functools
import inspect
import logging
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.types import DagRunType
from sqlalchemy import func, select
from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

#: Of the DAGs that are being stored: the latest automated run, if there is one, and the active ones.
_known: ContextVar[dict[str, tuple[DagRun | None, int]]] = ContextVar("known")


def ask_together() -> bool:
    """Have the dag-processor of this process, if it is one, ask about a file's DAGs at once; safe to repeat.

    Returns:
        Whether it does; False where Airflow has another shape, which is then left alone.
    """
    collection = sys.modules.get("airflow.dag_processing.collection")
    if collection is None:
        return False
    calculate = getattr(getattr(collection, "_RunInfo", None), "calculate", None)
    if getattr(calculate, "together", False):
        return True
    if not _has_known_shape(collection):
        log.info("Airflow's dag-processor has another shape than in 3.3.2; publishing takes longer")
        return False
    _replace(collection)
    return True


def _has_known_shape(collection: Any) -> bool:
    info, operation = getattr(collection, "_RunInfo", None), getattr(collection, "DagModelOperation", None)
    return (
        getattr(info, "_fields", None) == ("latest_run", "num_active_runs")
        and _parameters(getattr(info, "calculate", None)) == ["dag", "session"]
        and _parameters(getattr(operation, "update_dags", None))
        == ["self", "orm_dags", "parse_duration", "session"]
        and _parameters(getattr(collection, "_build_latest_run_load_options", None)) == []
    )


def _parameters(function: Any) -> list[str] | None:
    return None if function is None else list(inspect.signature(function).parameters)


def _replace(collection: Any) -> None:
    operation, info = collection.DagModelOperation, collection._RunInfo
    update, calculate = operation.update_dags, info.calculate

    @functools.wraps(update)
    def update_dags(self: Any, orm_dags: Any, parse_duration: Any, *, session: Session) -> None:
        options = collection._build_latest_run_load_options()
        with _asked(_plain(self.dags.values()), options, session):
            update(self, orm_dags, parse_duration, session=session)

    @functools.wraps(calculate)
    def known_or_calculate(cls: Any, dag: Any, *, session: Session) -> Any:
        known = _known.get({}).get(dag.dag_id)
        return calculate(dag, session=session) if known is None else cls(*known)

    known_or_calculate.together = True  # type: ignore[attr-defined]
    operation.update_dags = update_dags
    info.calculate = classmethod(known_or_calculate)


def _plain(dags: Collection[Any]) -> list[str]:
    """Return the ids of the DAGs whose latest run is that of the latest logical date."""
    return [dag.dag_id for dag in dags if dag.timetable.can_be_scheduled and not dag.timetable.partitioned]


@contextmanager
def _asked(dag_ids: list[str], options: Any, session: Session) -> Iterator[None]:
    latest = {run.dag_id: run for run in session.scalars(_latest(dag_ids).options(options))}
    active = DagRun.active_runs_of_dags(dag_ids=dag_ids, exclude_backfill=True, session=session)
    before = _known.set({dag: (latest.get(dag), active.get(dag, 0)) for dag in dag_ids})
    try:
        yield
    finally:
        _known.reset(before)


def _latest(dag_ids: list[str]) -> Any:
    """Each DAG's last automated run: found by the index of logical dates, however many runs it has."""
    last = (
        select(func.max(DagRun.logical_date))
        .where(
            DagRun.dag_id == DagModel.dag_id,
            DagRun.run_type.in_((DagRunType.BACKFILL_JOB, DagRunType.SCHEDULED)),
        )
        .correlate(DagModel)
        .scalar_subquery()
    )
    return (
        select(DagRun)
        .join(DagModel, DagModel.dag_id == DagRun.dag_id)
        .where(DagModel.dag_id.in_(dag_ids), DagRun.logical_date == last)
    )
