"""The next times of a schedule, as people read them: in its own zone, with what daylight saving does."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Max
from django.template.loader import render_to_string

from windsock.django import compiler
from windsock.django.definition_rows import schedule_of
from windsock.django.models import WorkflowDefinition, WorkflowRun
from windsock.django.timetable import next_times


def render(row: WorkflowDefinition, problems: Sequence[str]) -> str:
    """Return the next ten times as HTML, or what is wrong with the schedule.

    Args:
        row: saved or not.
        problems: of its schedule, as they were told to whoever edits it.
    """
    context: dict[str, Any] = {"problems": problems}
    if not problems:
        schedule = schedule_of(row)
        times = next_times(schedule, last=_last_run(row.pk))
        context |= {
            "times": [(moment.isoformat(), told(moment)) for moment in times],
            "is_manual": schedule.is_manual,
            "zone": schedule.timezone,
        }
    return render_to_string("windsock/admin_preview.html", context)


def problems(row: WorkflowDefinition) -> list[str]:
    """Return what is wrong with a row's schedule."""
    return [message for _, message in compiler.schedule_problems(schedule_of(row))]


def told(moment: datetime) -> str:
    """Return a moment in its own zone, with the offset, which daylight saving changes."""
    offset = f"{moment:%z}"
    return f"{moment:%a %d %b %Y %H:%M:%S} {moment.tzname()} (UTC{offset[:3]}:{offset[3:5]})"


def _last_run(workflow: str) -> datetime | None:
    """Return the logical date of the newest scheduled run, from which a fixed interval is counted."""
    runs = WorkflowRun.objects.filter(workflow=workflow, origin=WorkflowRun.Origin.SCHEDULE)
    last: datetime | None = runs.aggregate(last=Max("logical_date"))["last"]
    return last
