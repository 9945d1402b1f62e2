"""What people have Airflow do to runs: end, clear and mark them, and make those of past dates."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from windsock.django.observed import DagRun
from windsock.django.orchestrator.connection import Connection, dag_path, detail_of, run_path
from windsock.django.orchestrator.reading import dag_run, moment
from windsock.errors import OrchestratorError, WrongStatus

#: Airflow makes all runs of a backfill before it answers: 1,000 took 80 s on a machine with much else to do.
BACKFILL_PATIENCE = 300.0  #: seconds
_REFUSALS = frozenset({400, 404, 409, 422})


class Steering(Connection):
    """What Windsock asks to have done.

    Every method raises ``WrongStatus`` with Airflow's words when it does not do that now.
    """

    def set_run(self, workflow: str, run_id: str, state: str) -> DagRun | None:
        """End a run: its running steps get ``state`` and are killed, its waiting ones are skipped.

        Args:
            workflow: the DAG.
            run_id: of the Dag run.
            state: "success" or "failed".

        Returns:
            The run, which goes on while it has teardown steps to do; None when there is none.
        """
        asked_at = datetime.now(UTC)
        response = self._send("PATCH", run_path(workflow, run_id), json={"state": state}, missing=True)
        return None if response is None else dag_run(response.json(), asked_at)

    def set_step(self, workflow: str, run_id: str, step: str, state: str) -> None:
        """Mark a step, with all its map indices; failed ones after it run again.

        Args:
            workflow: the DAG, whose newest version must have the step.
            run_id: of the Dag run.
            step: its name.
            state: "success" or "failed".
        """
        path = f"{run_path(workflow, run_id)}/taskInstances/{quote(step, safe='')}"
        self._do("PATCH", path, {"new_state": state})

    def clear(
        self, workflow: str, run_id: str, steps: Sequence[str], *, downstream: bool, dry_run: bool
    ) -> list[str]:
        """Have steps of a run done again, in the version that the run began with.

        Args:
            workflow: the DAG.
            run_id: of the Dag run.
            steps: names; empty: all.
            downstream: also those that come after them.
            dry_run: only tell which.

        Returns:
            The names of the steps that are cleared.
        """
        body: dict[str, Any] = {
            "dag_run_id": run_id,
            "dry_run": dry_run,
            "only_failed": False,
            "reset_dag_runs": True,
            "include_downstream": downstream,
            "run_on_latest_version": False,
        }
        if steps:
            body["task_ids"] = list(steps)
        response = self._do("POST", f"{dag_path(workflow)}/clearTaskInstances", body)
        return sorted({each["task_id"] for each in response.json()["task_instances"]})

    def backfill(self, workflow: str, body: Mapping[str, Any], *, dry_run: bool) -> list[datetime]:
        """Make the runs of past dates, or tell which that would be.

        Args:
            workflow: the DAG.
            body: as Airflow takes it, without the DAG.
            dry_run: only tell.

        Returns:
            Logical dates, if they are only told.
        """
        body = {"dag_id": workflow, **body, "run_on_latest_version": False}
        path = "backfills/dry_run" if dry_run else "backfills"
        answer = self._do("POST", path, body, timeout=BACKFILL_PATIENCE).json()
        dates = [moment(each["logical_date"]) for each in answer["backfills"]] if dry_run else []
        return [date for date in dates if date is not None]

    def _do(self, method: str, path: str, body: Mapping[str, Any], **options: Any) -> httpx.Response:
        response = self._send(method, path, json=body, allowed=_REFUSALS, **options)
        if response is None:
            raise OrchestratorError(f"Airflow does not know {path}")
        if response.status_code in _REFUSALS:
            raise WrongStatus(f"Airflow: {detail_of(response)}")
        return response
