"""``manage.py runs list | show | cancel | retry | clear | mark``."""

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from windsock.django import operating
from windsock.django.api.operating import run_json
from windsock.django.api.tasks import task_json
from windsock.django.management.subcommands import Answer, Subcommand, as_json, columns
from windsock.django.models import WorkflowRun


def _take_filters(parser: ArgumentParser) -> None:
    parser.add_argument("--workflow", help="its id")
    parser.add_argument("--status", choices=WorkflowRun.Status.values)
    parser.add_argument("--origin", choices=WorkflowRun.Origin.values)
    parser.add_argument("--limit", type=int, default=20, help="how many at most (20)")


def show_all(answer: Answer, *, limit: int, **filters: str | None) -> None:
    """List runs, the newest first."""
    if limit < 1:
        raise CommandError("--limit takes a number above 0.")
    given = {name: value for name, value in filters.items() if value is not None}
    found = WorkflowRun.objects.select_related("requested_by").filter(**given).order_by("-id")
    answer.show(map(run_json, found[:limit]), _line)


def _line(run: Mapping[str, Any]) -> str:
    when = run["started_at"] or run["created_at"]
    return columns(
        run["id"], run["workflow"], run["status"], run["origin"], f"{when:%Y-%m-%d %H:%M:%S}", run["message"]
    )


def _take_run(parser: ArgumentParser) -> None:
    parser.add_argument("run", help="its id, or Airflow's run id")


def show(answer: Answer, *, run: str) -> None:
    """Show a run and its steps."""
    found = _run(run)
    steps = [task_json(step) for step in found.steps.order_by("id")]
    data = run_json(found)
    if answer.is_json:
        answer.say(as_json({**data, "steps": steps}))
        return
    for name, value in data.items():
        if value not in (None, "", {}):
            answer.say(f"{name}: {as_json(value) if isinstance(value, dict) else value}")
    for step in found.steps.order_by("id"):
        place = f"[{step.map_index}]" if step.map_index >= 0 else ""
        answer.say(columns("step", step.step + place, step.status, f"attempt {step.attempt}", step.message))


def cancel(answer: Answer, *, run: str) -> None:
    """End a run and its steps."""
    found = _run(run)
    operating.cancel(found)
    done = found.status == WorkflowRun.Status.CANCELLED
    answer.say("It is cancelled." if done else "It is cancelled as soon as Airflow has ended its steps.")


def retry(answer: Answer, *, run: str) -> None:
    """Go on where a run failed; the steps that are done again are printed."""
    for step in operating.retry(_run(run)):
        answer.say(step)


def _take_clear(parser: ArgumentParser) -> None:
    _take_run(parser)
    parser.add_argument("steps", nargs="*", metavar="step", help="by default all")
    parser.add_argument("--no-downstream", action="store_false", dest="downstream", help="only these")
    parser.add_argument("--dry-run", action="store_true", help="tell the steps, and clear nothing")


def clear(answer: Answer, *, run: str, steps: Sequence[str], downstream: bool, dry_run: bool) -> None:
    """Have steps done again, and what comes after them; they are printed."""
    for step in operating.clear(_run(run), steps, downstream=downstream, dry_run=dry_run):
        answer.say(step)


def _take_mark(parser: ArgumentParser) -> None:
    _take_run(parser)
    parser.add_argument("status", choices=[name.lower() for name in operating.MARKS])
    parser.add_argument("--step", default="", help="a step of it; by default the run")


def mark(answer: Answer, *, run: str, status: str, step: str) -> None:
    """Take a run or a step for ended."""
    found = _run(run)
    operating.mark(found, status.upper(), step=step)
    answer.say(f"The run is {found.status}.")


def _run(text: str) -> WorkflowRun:
    try:
        lookup: dict[str, Any] = {"pk": UUID(text)}
    except ValueError:
        lookup = {"run_id": text.replace("\x00", "")}
    found = list(WorkflowRun.objects.select_related("workflow", "requested_by").filter(**lookup)[:2])
    if len(found) > 1:
        raise CommandError(f"Several workflows have a run {text!r}; give Windsock's own id.")
    if not found:
        raise CommandError(f"There is no run {text!r}.")
    return found[0]


SUBCOMMANDS = (
    Subcommand("list", show_all, _take_filters, lists=True),
    Subcommand("show", show, _take_run, lists=True),
    Subcommand("cancel", cancel, _take_run),
    Subcommand("retry", retry, _take_run),
    Subcommand("clear", clear, _take_clear),
    Subcommand("mark", mark, _take_mark),
)
