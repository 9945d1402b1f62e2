"""Of the DAGs in a bundle the dag-processor reads those alone whose files are gone.

Airflow 3.3 reads every DAG of a bundle each time the bundle's version changes, to see whether its file is
still there: nearly half a second of a processor for one edit among 10,000.

Source: Airflow 3.3.2, ``models/dag.py``: ``DagModel.deactivate_deleted_dags``. The decision is
docs/decisions/0012-work-done-once.md.
"""

import functools
import inspect
import logging
from collections.abc import Collection
from typing import Any

from airflow.models.dag import DagModel
from airflow.utils.session import NEW_SESSION, provide_session
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, load_only

log = logging.getLogger(__name__)

#: Airflow's own way.
SHIPPED: Any = vars(DagModel).get("deactivate_deleted_dags")


def read_alone() -> bool:
    """Have this process read DAGs of vanished files alone; safe to repeat.

    Returns:
        Whether it does; False where Airflow has another shape, which is then left alone.
    """
    original: Any = getattr(DagModel, "deactivate_deleted_dags", None)
    if getattr(original, "alone", False):
        return True
    if original is None or list(inspect.signature(original).parameters) != [
        "bundle_name",
        "rel_filelocs",
        "session",
    ]:
        log.info("Airflow's DAGs have another shape than in 3.3.2; an edit costs more")
        return False

    @functools.wraps(original.__func__)
    def deactivate(
        cls: Any, bundle_name: str, rel_filelocs: Collection[str], *, session: Session = NEW_SESSION
    ) -> bool:
        gone = session.scalars(
            select(cls)
            .where(
                cls.bundle_name == bundle_name,
                or_(cls.relative_fileloc.is_(None), cls.relative_fileloc.not_in(set(rel_filelocs))),
            )
            .options(load_only(cls.relative_fileloc, cls.is_stale))
        ).all()
        for dag in gone:
            dag.is_stale = True
        return bool(gone)

    deactivate.alone = True  # type: ignore[attr-defined]
    DagModel.deactivate_deleted_dags = classmethod(provide_session(deactivate))  # type: ignore[method-assign, assignment]
    return True
