"""Dag runs and their task instances: begun here, and seen."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from windsock.django.observed import DagRun, Deed, RunKey, TaskInstance
from windsock.django.orchestrator.connection import PAGE, Connection, dag_path, run_path
from windsock.django.orchestrator.reading import dag_run, date_of, deed, task_instance
from windsock.errors import OrchestratorAway

#: Rows a page where Airflow sets no bound.
LONG_PAGE = 500
#: What people can do in Airflow that changes no Dag run, or leaves none: its audit log tells.
#: Source: the names of the functions in Airflow 3.3, ``airflow.api_fastapi.core_api.routes.public``.
DEEDS = (
    "patch_dag",
    "patch_dags",
    "patch_task_instance",
    "patch_task_group_instances",
    "delete_dag_run",
)


class Runs(Connection):
    """What Windsock asks about runs."""

    def start_run(self, workflow: str, run_id: str, params: Mapping[str, Any]) -> None:
        """Begin a Dag run; one that exists already stays as it is."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(params)}
        path = f"{dag_path(workflow)}/dagRuns"
        if self._send("POST", path, json=body, allowed={409}, missing=True) is None:
            raise OrchestratorAway(f"Airflow has no DAG {workflow} yet")

    def run(self, workflow: str, run_id: str) -> DagRun | None:
        """Return one Dag run; None when there is none."""
        asked_at = datetime.now(UTC)
        response = self._send("GET", run_path(workflow, run_id), missing=True)
        return None if response is None else dag_run(response.json(), asked_at)

    def runs_since(self, moment: datetime) -> tuple[list[DagRun], datetime]:
        """Return the Dag runs of all DAGs that changed since ``moment``, and Airflow's time before that."""
        query: dict[str, Any] = {
            "updated_at_gte": moment.isoformat(),
            "order_by": ["updated_at", "id"],
            "limit": PAGE,
        }
        found: list[DagRun] = []
        cursor: str | None = ""
        began: datetime | None = None
        while cursor is not None:
            asked_at = datetime.now(UTC)
            response = self._get("dags/~/dagRuns", {**query, "cursor": cursor})
            began = began or date_of(response)
            page = response.json()
            found += [dag_run(data, asked_at) for data in page["dag_runs"]]
            cursor = page.get("next_cursor")
        return found, began or moment

    def steps(self, workflow: str, run_id: str) -> list[TaskInstance]:
        """Return the task instances of a Dag run."""
        found: list[TaskInstance] = []
        path = f"{run_path(workflow, run_id)}/taskInstances"
        while True:
            page = self._get(path, {"limit": PAGE, "offset": len(found), "order_by": "id"}).json()
            found += [task_instance(data) for data in page["task_instances"]]
            if not page["task_instances"] or len(found) >= page["total_entries"]:
                return found

    def steps_of(self, runs: Iterable[RunKey]) -> dict[RunKey, list[TaskInstance]]:
        """Return the task instances of some Dag runs in one go; a run that has none is left out."""
        wanted = set(runs)
        body = {
            "dag_ids": sorted({workflow for workflow, _ in wanted}),
            "dag_run_ids": sorted({run_id for _, run_id in wanted}),
            "order_by": "id",
            "page_limit": LONG_PAGE,
        }
        found: dict[RunKey, list[TaskInstance]] = defaultdict(list)
        read = 0
        while True:
            page = self._list("dags/~/dagRuns/~/taskInstances/list", {**body, "page_offset": read}).json()
            for data in page["task_instances"]:
                found[data["dag_id"], data["dag_run_id"]].append(task_instance(data))
            read += len(page["task_instances"])
            if not page["task_instances"] or read >= page["total_entries"]:
                # Runs of several DAGs may have the same name.
                return {key: instances for key, instances in found.items() if key in wanted}

    def deeds_since(self, moment: datetime) -> tuple[list[Deed], datetime]:
        """Return what people did since ``moment``, in order, and Airflow's time before that.

        Only what runs themselves do not show, see ``DEEDS``.
        """
        query = {
            "after": moment.isoformat(),
            "included_events": list(DEEDS),
            "order_by": "event_log_id",
            "limit": PAGE,
        }
        found: list[Deed] = []
        began: datetime | None = None
        while True:
            response = self._get("eventLogs", {**query, "offset": len(found)})
            began = began or date_of(response)
            page = response.json()
            found += [deed(data) for data in page["event_logs"]]
            if not page["event_logs"] or len(found) >= page["total_entries"]:
                return found, began
