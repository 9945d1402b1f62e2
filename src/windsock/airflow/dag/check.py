"""What Airflow will do with a DAG, done to it alone.

Airflow refuses a whole file for one bad DAG in it; so each DAG goes through the same steps before it enters
one.
"""

from pathlib import Path
from typing import Any

from airflow import settings
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.serialization.decoders import decode_timetable
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
from airflow.timetables.base import TimeRestriction
from pendulum import DateTime

from windsock.airflow.dag import serialized

#: Widths of Airflow's columns. Source: Airflow 3.3, ``models/dag.py``, ``models/taskinstance.py``.
WIDTHS = {"dag_display_name": 2000, "timetable_description": 1000, "owners": 500, "pool": 256, "queue": 256}

_FROM_NOW = TimeRestriction(earliest=DateTime.utcnow(), latest=None, catchup=True)


class Checker:
    """Takes the DAGs of one file, each by itself."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._bag = DagBag(dag_folder=file, collect_dags=False, bundle_path=file.parents[1])
        self._descriptions: dict[str, str] = {}
        hook = settings.get_policy_plugin_manager().hook
        #: Whether a cluster policy may change a DAG in the check, so that it must not see the same one again.
        self.leaves_marks = bool(hook.dag_policy.get_hookimpls() or hook.task_policy.get_hookimpls())

    def refusal(self, dag: DAG) -> str:
        """Return why Airflow would refuse ``dag``; empty when it would not."""
        try:
            self._bag_and_serialize(dag)
        except Exception as error:
            serialized.withdraw(dag)
            return f"{type(error).__name__}: {error}"
        return ""

    def _bag_and_serialize(self, dag: DAG) -> None:
        dag.fileloc = str(self._file)
        dag.validate()  # type: ignore[no-untyped-call]
        self._bag.bag_dag(dag)
        data = DagSerialization.to_dict(dag)
        serialized.offer(dag, data)
        values = {
            "dag_display_name": [dag.dag_display_name],
            "timetable_description": [self._describe(data["dag"]["timetable"])],
            "owners": [LazyDeserializedDAG(data=data).owner],
            "pool": [task.pool for task in dag.tasks],
            "queue": [task.queue for task in dag.tasks],
        }
        for name, width in WIDTHS.items():
            if max(len(value) for value in values[name]) > width:
                raise ValueError(f"{name} is longer than {width} characters")

    def _describe(self, timetable: dict[str, Any]) -> str:
        """Return the description of a stored timetable that has a next date; workflows share timetables."""
        key = repr(timetable)
        if key not in self._descriptions:
            found = decode_timetable(timetable)
            # Airflow only logs what goes wrong here and then never runs the DAG.
            found.next_dagrun_info_v2(last_dagrun_info=None, restriction=_FROM_NOW)
            self._descriptions[key] = found.description
        return self._descriptions[key]
