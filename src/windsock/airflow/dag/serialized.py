"""A DAG is serialized once in a parse: the form in which it was checked is what Airflow stores.

The check of each DAG by itself serializes it as Airflow does a moment later. Where a DAG is still the very
object that was checked, Airflow's dag-processor gets that form.

Source: Airflow 3.3.2, ``dag_processing/processor.py``: ``_serialize_dags``. The decision is
docs/decisions/0012-work-done-once.md.
"""

import logging
import sys
from typing import Any

from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

log = logging.getLogger(__name__)

_checked: dict[str, tuple[DAG, dict[str, Any]]] = {}


def offer(dag: DAG, data: dict[str, Any]) -> None:
    """Keep the serialized form of a DAG for Airflow; it must not change any more."""
    _checked[dag.dag_id] = (dag, data)


def withdraw(dag: DAG) -> None:
    """Forget the form of a DAG that is not the one which Airflow gets."""
    _checked.pop(dag.dag_id, None)


def hand_over() -> bool:
    """Have the dag-processor of this process, if it is one, take what was offered; safe to repeat.

    Returns:
        Whether it does.
    """
    module = sys.modules.get("airflow.dag_processing.processor")
    if module is None:
        return False
    if getattr(module, "DagSerialization", None) not in (DagSerialization, Handed):
        log.info("The dag-processor has another shape than Airflow 3.3.2; DAGs are serialized twice")
        return False
    module.DagSerialization = Handed  # type: ignore[attr-defined]
    return True


class Handed(DagSerialization):
    """Airflow's serialization, except for DAGs whose form was offered."""

    @classmethod
    def to_dict(cls, var: Any) -> dict[str, Any]:
        """Return the serialized form of a DAG."""
        offered = _checked.pop(getattr(var, "dag_id", ""), None)
        if offered is None or offered[0] is not var:
            return DagSerialization.to_dict(var)
        _, data = offered
        # Airflow tells a DAG its place after the check.
        data["dag"] |= {"fileloc": var.fileloc, "relative_fileloc": var.relative_fileloc}
        return data
