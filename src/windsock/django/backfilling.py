"""Runs for a range of past dates."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from windsock import wire
from windsock.django import orchestrator, params, timetable
from windsock.django.history import version_at
from windsock.django.models import Workflow
from windsock.django.relay import wake
from windsock.errors import InvalidParams, RunRefused
from windsock.workflow import Problem
from windsock.workflow import Workflow as Definition

LIMIT = 1_000  #: runs of one backfill
#: Which runs that are there already are done again. Source: Airflow 3.3, ``ReprocessBehavior``.
REPROCESS = ("none", "failed", "completed")


def backfill(  # noqa: PLR0913
    workflow: Workflow,
    start: datetime,
    end: datetime,
    *,
    dry_run: bool,
    reprocess: str = "none",
    max_active_runs: int = 10,
    params: Mapping[str, Any] | None = None,
) -> list[datetime]:
    """Make the runs of past dates, in the order of these, or tell first which that would be.

    Args:
        workflow: one that runs by itself.
        start: aware; the first logical date that may be run.
        end: aware; the last one. Intervals that are not over yet are left out.
        dry_run: only tell.
        reprocess: which of the runs that are there already are done again: "none", "failed", "completed".
        max_active_runs: how many may be active at a time, 1..1000.
        params: of each run.

    Returns:
        The logical dates; none when there is nothing to do.

    Raises:
        RunRefused: the workflow is retired, paused, or was never sound.
        InvalidParams: an argument is not right.
        WrongStatus: Airflow refuses, for example while another backfill of the workflow goes on.
        OrchestratorAway: Airflow does not answer.
    """
    document = _document(workflow)
    wanted = {"reprocess": reprocess, "max_active_runs": max_active_runs, "params": dict(params or {})}
    if problems := tuple(_problems(document, start, end, wanted)):
        raise InvalidParams(problems)
    body = {
        "from_date": start.isoformat(),
        "to_date": end.isoformat(),
        "reprocess_behavior": reprocess,
        "max_active_runs": max_active_runs,
        "dag_run_conf": wanted["params"],
    }
    airflow = orchestrator.connected()
    dates = airflow.backfill(workflow.id, body, dry_run=True)
    if len(dates) > LIMIT:
        raise InvalidParams((_too_many(),))
    if dates and not dry_run:
        airflow.backfill(workflow.id, body, dry_run=False)
        wake("states")
    return dates


def _document(workflow: Workflow) -> Mapping[str, Any]:
    if workflow.retired_at is not None:
        raise RunRefused(f"{workflow.id} is retired.")
    if workflow.is_paused:
        raise RunRefused(f"{workflow.id} is paused.")
    version = version_at(workflow.id)
    if version is None or version.document is None:
        raise RunRefused(f"{workflow.id} was never published: {workflow.problem or 'it has no version'}")
    return version.document  # type: ignore[no-any-return]


def _problems(
    document: Mapping[str, Any], start: datetime, end: datetime, wanted: Mapping[str, Any]
) -> Iterator[Problem]:
    definition = wire.from_json(Definition, document)
    if definition.schedule.is_manual or definition.schedule.once:
        yield "schedule", "the workflow does not run again and again, so there are no dates to run it for"
    if wanted["reprocess"] not in REPROCESS:
        yield "reprocess", f"choose one of {', '.join(REPROCESS)}"
    elif wanted["reprocess"] == "none" and any(step.depends_on_past for step in definition.steps):
        yield "reprocess", "a step depends on the run before: choose failed or completed"
    if not 1 <= wanted["max_active_runs"] <= LIMIT:
        yield "max_active_runs", f"must lie between 1 and {LIMIT}"
    yield from params.problems(document, wanted["params"])
    yield from _range_problems(definition, start, end)


def _range_problems(definition: Definition, start: datetime, end: datetime) -> Iterator[Problem]:
    naive = [
        (name, "must carry a time zone") for name, at in (("start", start), ("end", end)) if not at.tzinfo
    ]
    if naive:
        yield from naive
    elif end < start:
        yield "end", "lies before the start"
    elif start > timezone.now():
        yield "start", "lies in the future"
    elif _is_too_long(definition, start, end):
        yield _too_many()


def _is_too_long(definition: Definition, start: datetime, end: datetime) -> bool:
    """Whether there are certainly too many dates, so that Airflow need not count them all."""
    schedule = definition.schedule
    if schedule.is_manual or schedule.once:
        return False
    endless = replace(schedule, start=start, end=None, catchup=True)
    before = start - timedelta(microseconds=1)
    moments = timetable.next_times(endless, count=LIMIT + 1, after=before)
    return len(moments) > LIMIT and moments[-1] <= min(end, timezone.now())


def _too_many() -> Problem:
    return "end", f"that would be more than {LIMIT:,} runs; choose a shorter range"
