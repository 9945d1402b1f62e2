"""The process that begins runs, in an environment of Airflow: one JSON line in, one out.

It writes what ``airflow dags trigger`` writes, but all at once, so that neither the API server's work nor a
queue of requests is in the figures.
"""

import json
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any


def main() -> None:
    """Obey until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = {"answer": ORDERS[order["do"]](**order["values"])}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({"order": order["order"], **answer}), file=answers, flush=True)


def start(dag: str, count: int) -> dict[str, Any]:
    """Begin runs of a DAG in one transaction; all their ids have one beginning.

    Returns:
        That beginning, and when they were committed: of the clock that all processes share, and of the wall.
    """
    from airflow.models.dagbag import DBDagBag
    from airflow.utils import timezone
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    prefix = f"manual__bench_{uuid.uuid4().hex[:12]}_"
    with create_session() as session:
        found = DBDagBag().get_latest_version_of_dag(dag, session=session)
        if found is None:
            raise LookupError(f"Airflow has no DAG {dag}")
        for number in range(count):
            found.create_dagrun(
                run_id=f"{prefix}{number}",
                run_after=timezone.utcnow(),
                run_type=DagRunType.MANUAL,
                triggered_by=DagRunTriggeredByType.CLI,
                state=DagRunState.QUEUED,
                session=session,
            )
    return {"prefix": prefix, "began": time.monotonic(), "at": time.time()}


def connect(url: str, key: str) -> None:
    """Tell Airflow where the Django site is."""
    from airflow.models import Connection
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(Connection(conn_id="django_default", conn_type="django", host=url, password=key))


ORDERS: dict[str, Callable[..., Any]] = {"start": start, "connect": connect}

if __name__ == "__main__":
    main()
