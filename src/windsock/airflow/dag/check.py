"""What Airflow will do with a DAG, done to it alone.

Airflow refuses a whole file for one bad DAG in it; so each DAG goes through the same steps before it enters
one.
"""

from pathlib import Path

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG

#: Widths of Airflow's columns. Source: Airflow 3.3, ``models/dag.py``, ``models/taskinstance.py``.
WIDTHS = {"dag_display_name": 2000, "timetable_description": 1000, "owners": 500, "pool": 256, "queue": 256}


class Checker:
    """Takes the DAGs of one file, each by itself."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._bag = DagBag(dag_folder=file, collect_dags=False, bundle_path=file.parents[1])

    def refusal(self, dag: DAG) -> str:
        """Return why Airflow would refuse ``dag``; empty when it would not. The DAG is used up."""
        try:
            self._bag_and_serialize(dag)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return ""

    def _bag_and_serialize(self, dag: DAG) -> None:
        dag.fileloc = str(self._file)
        dag.validate()  # type: ignore[no-untyped-call]
        self._bag.bag_dag(dag)
        data = DagSerialization.to_dict(dag)
        stored = DagSerialization.from_dict(data)
        # Airflow only logs what goes wrong here and then never runs the DAG.
        stored.timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=stored._time_restriction)
        values = {
            "dag_display_name": [dag.dag_display_name],
            "timetable_description": [stored.timetable.description],
            "owners": [LazyDeserializedDAG(data=data).owner],
            "pool": [task.pool for task in dag.tasks],
            "queue": [task.queue for task in dag.tasks],
        }
        for name, width in WIDTHS.items():
            if max(len(value) for value in values[name]) > width:
                raise ValueError(f"{name} is longer than {width} characters")
