"""What was seen in Airflow, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

RunKey = tuple[str, str]  #: names of a workflow and of its Dag run


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """The definition of a workflow that is in force in Airflow."""

    revision: int | None  #: as written in the served DAG; None: it carries none
    digest: str
    is_stale: bool  #: Airflow schedules it no more
    file_token: str  #: names the DAG's file in a request to parse it
    bundle: str = ""  #: name of the bundle that it comes from


@dataclass(frozen=True, kw_only=True, slots=True)
class DagRun:
    """A Dag run as it was at one moment."""

    workflow: str
    run_id: str
    state: str
    kind: str  #: "manual", "scheduled", ...
    revision: int | None
    params: Mapping[str, Any]
    logical_date: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    seen_at: datetime  #: when it was asked for, by this side's clock


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskInstance:
    """A task instance as it was at one moment."""

    step: str
    map_index: int
    state: str | None
    attempt: int
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Deed:
    """What somebody did in Airflow's UI or over its REST API."""

    id: int  #: grows
    what: str  #: "patch_dag"
    workflow: str  #: empty: not told
    run_id: str
