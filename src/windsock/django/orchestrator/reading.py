"""Airflow's JSON, read into values."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from windsock.django.observed import DagRun, Deed, TaskInstance


def dag_run(data: Mapping[str, Any], asked_at: datetime) -> DagRun:
    """Return a Dag run from Airflow's JSON."""
    revision = data.get("bundle_version") or ""
    return DagRun(
        workflow=data["dag_id"],
        run_id=data["dag_run_id"],
        state=data["state"],
        kind=data["run_type"],
        revision=int(revision) if revision.isdigit() else None,
        params=data.get("conf") or {},
        logical_date=moment(data.get("logical_date")),
        started_at=moment(data.get("start_date")),
        finished_at=moment(data.get("end_date")),
        seen_at=asked_at,
    )


def task_instance(data: Mapping[str, Any]) -> TaskInstance:
    """Return a task instance from Airflow's JSON."""
    return TaskInstance(
        step=data["task_id"],
        map_index=data["map_index"],
        state=data["state"],
        attempt=data["try_number"],
        started_at=moment(data.get("start_date")),
        finished_at=moment(data.get("end_date")),
    )


def deed(data: Mapping[str, Any]) -> Deed:
    """Return a line of the audit log from Airflow's JSON."""
    return Deed(
        id=data["event_log_id"],
        what=data["event"],
        workflow=data.get("dag_id") or "",
        run_id=data.get("run_id") or "",
    )


def moment(text: str | None) -> datetime | None:
    """Return the time that a text names; None for none."""
    return datetime.fromisoformat(text) if text else None


def date_of(response: httpx.Response) -> datetime:
    """Return the server's time, to the second, which is the clock of what it answers."""
    text = response.headers.get("Date", "")
    try:
        return datetime.strptime(text, "%a, %d %b %Y %H:%M:%S %Z").replace(tzinfo=UTC)
    except ValueError:
        return datetime.now(UTC)
