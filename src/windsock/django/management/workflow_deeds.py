"""``manage.py workflows publish | run | pause | unpause | backfill | rollback | delete``."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import CommandError

from windsock.django import operating, sources
from windsock.django.actions import definitions, runs, versions
from windsock.django.backfilling import REPROCESS
from windsock.django.history import version_at
from windsock.django.management.subcommands import Answer, Subcommand, as_json, user_called, workflow_called


def _take_sources(parser: ArgumentParser) -> None:
    parser.add_argument("source", nargs="*", help="name of a source; by default all")


def publish(answer: Answer, *, source: Sequence[str]) -> None:
    """Publish all rows; needed after bulk changes."""
    known = sources.known_names()
    if unknown := sorted(set(source) - set(known)):
        names = ", ".join(known) or "none"
        raise CommandError(f"There is no workflow source {unknown[0]!r}; known: {names}.")
    summary = sources.publish_all(source)
    for row, problem in summary.refused:
        answer.warn(f"{row}: {problem}")
    answer.say(
        f"{summary.rows} rows: {summary.versions} versions written, {summary.retired} workflows retired, "
        f"{len(summary.refused)} rows refused"
    )
    if summary.refused:
        raise CommandError("Some rows were refused; all others are published.")


def _take_params(parser: ArgumentParser) -> None:
    parser.add_argument("workflow", help="its id")
    parser.add_argument("--params", type=_json_object, default={}, help="values by name, as a JSON object")
    parser.add_argument(
        "--param",
        type=_pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one value, JSON or else a text; may be given again",
    )


def _take_run(parser: ArgumentParser) -> None:
    _take_params(parser)
    _take_user(parser)


def _take_user(parser: ArgumentParser) -> None:
    parser.add_argument("--user", help="who does it, by user name")


def run(
    answer: Answer, *, workflow: str, params: Mapping[str, Any], param: Sequence[Any], user: str | None
) -> None:
    """Ask for a run now; its id is printed."""
    given = {**params, **dict(param)}
    answer.say(str(runs.request(workflow_called(workflow), given, user=user_called(user)).pk))


def _take_workflows(parser: ArgumentParser) -> None:
    parser.add_argument("workflow", nargs="+", help="ids")


def pause(answer: Answer, *, workflow: Sequence[str]) -> None:
    """Let no run begin, and freeze those that are active."""
    for each in [workflow_called(id) for id in workflow]:
        operating.pause(each)
        answer.say(f"{each.pk} is paused; runs that are active stand still.")


def unpause(answer: Answer, *, workflow: Sequence[str]) -> None:
    """Let runs begin and go on."""
    for each in [workflow_called(id) for id in workflow]:
        operating.unpause(each)
        answer.say(f"{each.pk} runs.")


def _take_range(parser: ArgumentParser) -> None:
    _take_params(parser)
    where = "ISO 8601; without an offset in the workflow's time zone"
    parser.add_argument("--start", type=_moment, required=True, help=f"first logical date; {where}")
    parser.add_argument("--end", type=_moment, required=True, help="last logical date, likewise")
    parser.add_argument("--dry-run", action="store_true", help="tell the dates, and run nothing")
    parser.add_argument("--reprocess", choices=REPROCESS, default="none", help="which runs to repeat")
    parser.add_argument("--max-active-runs", type=int, default=10, help="at a time (10)")


def backfill(
    answer: Answer,
    *,
    workflow: str,
    start: datetime,
    end: datetime,
    params: Mapping[str, Any],
    param: Sequence[Any],
    **options: Any,
) -> None:
    """Run a range of past dates; they are printed, a line each."""
    found = workflow_called(workflow)
    zone = _zone(workflow)
    start, end = (each if each.tzinfo else each.replace(tzinfo=zone) for each in (start, end))
    dates = operating.backfill(found, start, end, params={**params, **dict(param)}, **options)
    told = [{"logical_date": date.astimezone(zone)} for date in dates]
    answer.show(told, lambda row: row["logical_date"].isoformat())


def _take_rollback(parser: ArgumentParser) -> None:
    parser.add_argument("workflow", help="its id")
    parser.add_argument("revision", type=int, help="to go back to")
    _take_user(parser)


def rollback(answer: Answer, *, workflow: str, revision: int, user: str | None) -> None:
    """Put what a workflow was at a revision back in force, as a new version."""
    versions.rollback(workflow_called(workflow), revision, user=user_called(user))
    answer.say(f"{workflow} is what it was at revision {revision}.")


def _take_delete(parser: ArgumentParser) -> None:
    parser.add_argument("workflow", help="its id")
    _take_user(parser)


def delete(answer: Answer, *, workflow: str, user: str | None) -> None:
    """Retire an editable workflow; its history stays."""
    definitions.delete(workflow_called(workflow).pk, user=user_called(user))
    answer.say(f"{workflow} is retired.")


def _zone(workflow: str) -> ZoneInfo:
    version = version_at(workflow)
    schedule = (version.document or {}).get("schedule", {}) if version else {}
    return ZoneInfo(schedule.get("timezone", "UTC"))


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ArgumentTypeError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ArgumentTypeError(f"not an object: {as_json(value)}")
    return value


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ArgumentTypeError(f"{text!r} has no '='")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"not a date: {text!r}") from error


SUBCOMMANDS = (
    Subcommand("publish", publish, _take_sources),
    Subcommand("run", run, _take_run),
    Subcommand("pause", pause, _take_workflows),
    Subcommand("unpause", unpause, _take_workflows),
    Subcommand("backfill", backfill, _take_range, lists=True),
    Subcommand("rollback", rollback, _take_rollback),
    Subcommand("delete", delete, _take_delete),
)
