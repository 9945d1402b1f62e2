"""How the pages put things into words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from windsock.django.models import Workflow

PRESETS = {
    "@hourly": "Hourly",
    "@daily": "Daily",
    "@weekly": "Weekly",
    "@monthly": "Monthly",
    "@quarterly": "Quarterly",
    "@yearly": "Yearly",
}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """Where a workflow stands, for a person."""

    tone: str  #: "live", "paused", "waiting" or "problem"; the style sheet knows them
    word: str
    why: str = ""


def state(workflow: Workflow, revision: int | None) -> State:
    """Return the state of a workflow whose newest numbered version is ``revision``."""
    if workflow.problem:
        return State(tone="problem", word="Problem", why=workflow.problem)
    if workflow.is_paused:
        return State(tone="paused", word="Paused", why="Nothing runs until it is resumed.")
    if revision is not None and workflow.live_revision == revision:
        return State(tone="live", word="Live", why=f"Airflow runs revision {revision}.")
    return State(tone="waiting", word="Publishing", why="Airflow does not run the newest version yet.")


def schedule(document: Mapping[str, Any] | None) -> str:
    """Return when a workflow runs, from the ``schedule`` of its document."""
    plan = document or {}
    if plan.get("cron"):
        return ", ".join(PRESETS.get(expression, expression) for expression in plan["cron"])
    if plan.get("every_seconds"):
        return f"Every {duration(timedelta(seconds=plan['every_seconds']))}"
    return "Once" if plan.get("once") else "On request"


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how long ago ``moment`` was, in its largest unit."""
    if moment is None:
        return ""
    seconds = int((now - moment).total_seconds())
    if seconds < 5:
        return "just now"
    return f"{_coarse(seconds)} ago"


def duration(span: timedelta | None) -> str:
    """Return a duration: milliseconds below a second, else its two largest units."""
    if span is None:
        return ""
    seconds = max(0.0, span.total_seconds())
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    for (size, unit), (smaller, small_unit) in zip(_UNITS, (*_UNITS[1:], (1, "s")), strict=True):
        if seconds >= size:
            rest = int(seconds % size // smaller)
            return f"{int(seconds // size)} {unit}" + (f" {rest} {small_unit}" if rest else "")
    return ""


def elapsed(span: timedelta) -> str:
    """Return a duration that still grows: whole seconds."""
    seconds = max(0, int(span.total_seconds()))
    return f"{seconds} s" if seconds < 60 else duration(timedelta(seconds=seconds))


def _coarse(seconds: int) -> str:
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
