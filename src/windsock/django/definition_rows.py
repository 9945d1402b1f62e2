"""Between the rows of an editable workflow and the value that is published; neither way loses anything."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

from windsock import wire
from windsock.django.models import StepDefinition, WorkflowDefinition
from windsock.django.storable import data_problems
from windsock.errors import InvalidWorkflow, WireError
from windsock.workflow import Param, Problem, Retry, Schedule, Step, Workflow

#: Where a part of the document is kept, by its path.
FIELDS: Mapping[str, str] = {
    "schedule": "schedule",
    "schedule.cron": "cron",
    "schedule.every": "every",
    "schedule.start": "start",
    "schedule.end": "end",
    "schedule.timezone": "timezone",
    "schedule.catchup": "catchup",
} | {
    name: name
    for name in ("id", "title", "description", "owner", "tags", "max_active_runs", "params", "notify")
}
#: The same for the part of the document that is about one step.
STEP_FIELDS: Mapping[str, str] = {
    "retry": "retries",
    "retry.limit": "retries",
    "retry.delay": "retry_delay",
    "retry.backoff": "retry_backoff",
    "retry.max_delay": "retry_max_delay",
    "uses": "kwargs",
} | {
    name: name
    for name in (
        "name",
        "task",
        "args",
        "kwargs",
        "after",
        "group",
        "trigger_rule",
        "timeout",
        "pool",
        "priority",
        "queue",
        "depends_on_past",
        "teardown",
    )
}
_SAME = ("trigger_rule", "timeout", "pool", "priority", "queue", "depends_on_past", "teardown", "group")


def value_of(row: WorkflowDefinition, steps: Iterable[StepDefinition] | None = None) -> Workflow:
    """Return what ``row`` says, not compiled yet.

    Args:
        row: saved or not.
        steps: its steps in their order; by default those that the database holds.

    Raises:
        InvalidWorkflow: the params are not such as ``workflow.Param`` has them.
    """
    return Workflow(
        id=row.id,
        title=row.title,
        steps=tuple(_step_of(line) for line in (row.steps.all() if steps is None else steps)),
        schedule=schedule_of(row),
        params=_params_of(row.params),
        max_active_runs=row.max_active_runs,
        owner=row.owner,
        tags=tuple(row.tags),
        description=row.description,
        notify=tuple(row.notify),
    )


def schedule_of(row: WorkflowDefinition) -> Schedule:
    """Return when ``row`` says that it runs; a kind whose field is empty is not sound."""
    kinds = WorkflowDefinition.Kind
    cron = tuple(line.strip() for line in row.cron.splitlines() if line.strip()) or ("",)
    return Schedule(
        cron=cron if row.schedule == kinds.CRON else (),
        every=(row.every or timedelta(0)) if row.schedule == kinds.EVERY else None,
        once=row.schedule == kinds.ONCE,
        start=row.start,
        end=row.end,
        timezone=row.timezone,
        catchup=row.catchup,
    )


def rows_of(workflow: Workflow) -> tuple[WorkflowDefinition, list[StepDefinition]]:
    """Return the rows of ``workflow``, not saved yet; see ``tidy``."""
    schedule = workflow.schedule
    row = WorkflowDefinition(
        id=workflow.id,
        title=workflow.title,
        description=workflow.description,
        owner=workflow.owner,
        tags=list(workflow.tags),
        schedule=_kind_of(schedule),
        cron="\n".join(schedule.cron),
        every=schedule.every,
        start=schedule.start,
        end=schedule.end,
        timezone=schedule.timezone,
        catchup=schedule.catchup,
        max_active_runs=workflow.max_active_runs,
        params={name: wire.to_json(param) for name, param in workflow.params.items()},
        notify=list(workflow.notify),
    )
    return row, [_line_of(row, index, step) for index, step in enumerate(workflow.steps)]


def tidy(workflow: Workflow) -> Workflow:
    """Return ``workflow`` as its rows give it back: moments in UTC, single spaces in cron expressions.

    Raises:
        InvalidWorkflow: a moment is too early or too late for UTC.
    """
    moments: dict[str, Any] = {}
    for name in ("start", "end"):
        moment = getattr(workflow.schedule, name)
        try:
            moments[name] = moment.astimezone(UTC) if moment and moment.tzinfo else moment
        except OverflowError:
            raise InvalidWorkflow(((f"schedule.{name}", "lies outside of the calendar"),)) from None
    cron = tuple(" ".join(expression.split()) for expression in workflow.schedule.cron)
    steps = tuple(replace(step, uses=()) for step in workflow.steps)
    return replace(workflow, steps=steps, schedule=replace(workflow.schedule, cron=cron, **moments))


def column_problems(row: WorkflowDefinition, steps: Iterable[StepDefinition]) -> Iterator[Problem]:
    """Yield what the columns cannot take: texts that are too long, numbers that are too large."""
    yield from _column_problems(row, FIELDS)
    for index, line in enumerate(steps):
        for path, message in _column_problems(line, STEP_FIELDS):
            yield f"steps.{index}.{path}", message


def field_of(path: str, fields: Mapping[str, str]) -> tuple[str, str]:
    """Return the field for a path, and what of the path lies within the field; "" when there is none."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        field = fields.get(".".join(parts[:length]))
        if field:
            return field, ".".join(parts[length:])
    return "", path


def _column_problems(row: Model, fields: Mapping[str, str]) -> Iterator[Problem]:
    paths = {field: path for path, field in fields.items() if path not in {"retry", "uses"}}
    try:
        row.clean_fields(exclude={field.name for field in row._meta.fields} - set(paths))
    except ValidationError as error:
        for field, messages in error.message_dict.items():
            yield paths[field], " ".join(messages)
    for field, path in paths.items():
        value = getattr(row, field)
        if isinstance(value, str | list | dict):
            yield from data_problems(path, value)


def _params_of(document: Any) -> dict[str, Param]:
    if not isinstance(document, Mapping):
        raise InvalidWorkflow((("params", "give an object with an entry for each param"),))
    known = {"default", "schema", "description"}
    params: dict[str, Param] = {}
    problems: list[Problem] = []
    for name, about in document.items():
        unknown = sorted(set(about) - known) if isinstance(about, Mapping) else []
        problems += [(f"params.{name}.{key}", f"is not one of {', '.join(sorted(known))}") for key in unknown]
        try:
            params[name] = wire.from_json(Param, about, path=f"params.{name}")
        except WireError as error:
            path, _, message = str(error).partition(": ")
            problems.append((path, message))
    if problems:
        raise InvalidWorkflow(tuple(problems))
    return params


def _kind_of(schedule: Schedule) -> WorkflowDefinition.Kind:
    kinds = WorkflowDefinition.Kind
    if schedule.cron:
        return kinds.CRON
    if schedule.every is not None:
        return kinds.EVERY
    return kinds.ONCE if schedule.once else kinds.MANUAL


def _step_of(line: StepDefinition) -> Step:
    return Step(
        name=line.name,
        task=line.task,
        args=tuple(line.args),
        kwargs=line.kwargs,
        after=tuple(line.after),
        retry=Retry(
            limit=line.retries,
            delay=line.retry_delay,
            backoff=line.retry_backoff,
            max_delay=line.retry_max_delay,
        ),
        **{name: getattr(line, name) for name in _SAME},
    )


def _line_of(row: WorkflowDefinition, position: int, step: Step) -> StepDefinition:
    return StepDefinition(
        workflow=row,
        position=position,
        name=step.name,
        task=step.task,
        args=list(step.args),
        kwargs=dict(step.kwargs),
        after=list(step.after),
        retries=step.retry.limit,
        retry_delay=step.retry.delay,
        retry_backoff=step.retry.backoff,
        retry_max_delay=step.retry.max_delay,
        **{name: getattr(step, name) for name in _SAME},
    )
