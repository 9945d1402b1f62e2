"""What must hold of a workflow, as far as the standard library can tell."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from windsock.errors import InvalidWorkflow
from windsock.workflow import groups
from windsock.workflow.values import Retry, Schedule, Step, Workflow

#: Names that Airflow accepts for a DAG or a task, and addresses can carry: ".." would leave the path.
#: Source: Airflow 3.3, ``airflow.sdk.definitions._internal.node``, ``validate_key``.
NAME = re.compile(r"(?!\.{1,2}\Z)[\w.-]{1,250}\Z", re.ASCII)
STEP_LIMIT = 1_000
#: The DAG of Windsock's own that stands for the bundle ``BUNDLE``; see ``sentinel_of``.
SENTINEL, BUNDLE = "windsock_sentinel", "windsock"
#: Source: Airflow 3.3, ``airflow.task.trigger_rule.TriggerRule``.
TRIGGER_RULES = frozenset(
    {
        "all_success",
        "all_failed",
        "all_done",
        "all_done_min_one_success",
        "all_done_setup_success",
        "one_success",
        "one_failed",
        "one_done",
        "none_failed",
        "none_skipped",
        "always",
        "none_failed_min_one_success",
        "all_skipped",
    }
)

Problem = tuple[str, str]

#: The rule of every teardown. Source: Airflow 3.3, ``AbstractOperator.as_teardown``.
_TEARDOWN_RULES = ("all_success", "all_done_setup_success")
#: Width of the columns ``pool`` and ``queue``. Source: Airflow 3.3, ``airflow.models.taskinstance``.
_WIDTH = 256
#: Source: Airflow 3.3, ``airflow.sdk.definitions.dag``, ``TAG_MAX_LEN``.
_TAG_LENGTH = 100
_LONGEST_DELAY = timedelta(days=365)
_LONGEST_INTERVAL = timedelta(days=3650)
#: Years in which no time zone and no interval leads out of the calendar.
_YEARS = range(1970, 2201)
_EMAIL = re.compile(r"[^\s@,;:<>()\[\]\\\"]{1,64}@[\w-]+(\.[\w-]+)*\Z")
_EMAIL_LENGTH = 254
_NAME_FORM = "use up to 250 letters, digits, dots, dashes and underscores"


def sentinel_of(bundle: str) -> str:
    """Return the id of the DAG that stands for a bundle itself."""
    return SENTINEL if bundle == BUNDLE else f"{SENTINEL}.{bundle}"


def is_sentinel(workflow_id: str) -> bool:
    """Whether a DAG stands for a bundle."""
    return workflow_id == SENTINEL or workflow_id.startswith(f"{SENTINEL}.")


def validate(workflow: Workflow) -> tuple[Problem, ...]:
    """Return what is wrong with ``workflow`` as (field path, message) pairs; empty when sound."""
    return tuple(_texts_for_lists(workflow)) or tuple(_problems(workflow))


def schedule_problems(schedule: Schedule) -> Iterator[Problem]:
    """Yield what is wrong with a schedule, except with its cron expressions."""
    if sum((bool(schedule.cron), schedule.every is not None, schedule.once)) > 1:
        yield "schedule", "choose one of cron, every and once"
    if schedule.every is not None and not timedelta(seconds=1) <= schedule.every <= _LONGEST_INTERVAL:
        yield "schedule.every", f"must lie between one second and {_LONGEST_INTERVAL.days} days"
    for name, moment in (("start", schedule.start), ("end", schedule.end)):
        if moment is not None and moment.tzinfo is None:
            yield f"schedule.{name}", "must carry a time zone"
        elif moment is not None and moment.year not in _YEARS:
            yield f"schedule.{name}", f"must lie between the years {_YEARS[0]} and {_YEARS[-1]}"
    if not schedule.is_manual and schedule.start is None:
        yield "schedule.start", "a workflow that runs by itself needs a start"
    start, end = schedule.start, schedule.end
    if start and end and start.tzinfo and end.tzinfo and end < start:
        yield "schedule.end", "lies before the start"
    try:
        ZoneInfo(schedule.timezone)
    except (KeyError, ValueError, OSError):
        yield "schedule.timezone", f"unknown time zone {schedule.timezone!r}"


def _texts_for_lists(workflow: Workflow) -> Iterator[Problem]:
    """Yield texts where tuples are meant: their letters would be taken for the items."""
    values: list[tuple[str, Any]] = [
        ("schedule.cron", workflow.schedule.cron),
        ("tags", workflow.tags),
        ("notify", workflow.notify),
    ]
    for index, step in enumerate(workflow.steps):
        values += ((f"steps.{index}.{name}", getattr(step, name)) for name in ("args", "after", "uses"))
    for where, value in values:
        if isinstance(value, str):
            yield where, f"is the text {value!r}; write a list of it"


def _problems(workflow: Workflow) -> Iterator[Problem]:
    if not NAME.match(workflow.id):
        yield "id", f"{workflow.id!r}: {_NAME_FORM}"
    if is_sentinel(workflow.id):
        yield "id", f"{workflow.id!r} is Windsock's own; choose another"
    if not 1 <= workflow.max_active_runs <= 1_000:
        yield "max_active_runs", "must lie between 1 and 1000"
    if not workflow.owner.strip():
        yield "owner", "must not be empty"
    yield from schedule_problems(workflow.schedule)
    for name in workflow.params:
        if not name.isidentifier():
            yield f"params.{name}", "the name must be a Python identifier"
    yield from _tag_problems(workflow.tags)
    yield from _address_problems(workflow.notify)
    yield from _graph_problems(workflow)
    for index, step in enumerate(workflow.steps):
        for where, message in _step_problems(step):
            yield f"steps.{index}.{where}", message


def _tag_problems(tags: tuple[str, ...]) -> Iterator[Problem]:
    for index, tag in enumerate(tags):
        if not 1 <= len(tag) <= _TAG_LENGTH:
            yield f"tags.{index}", f"must have 1 to {_TAG_LENGTH} letters"
        elif tag in tags[:index]:
            yield f"tags.{index}", f"{tag!r} is given twice"


def _address_problems(addresses: tuple[str, ...]) -> Iterator[Problem]:
    for index, address in enumerate(addresses):
        if not _EMAIL.match(address) or len(address) > _EMAIL_LENGTH:
            yield f"notify.{index}", f"{address!r} is not an e-mail address"


def _graph_problems(workflow: Workflow) -> Iterator[Problem]:
    if not workflow.steps:
        yield "steps", "a workflow needs at least one step"
        return
    if len(workflow.steps) > STEP_LIMIT:
        yield "steps", f"{len(workflow.steps)} steps; the limit is {STEP_LIMIT}"
        return
    if all(step.teardown for step in workflow.steps):
        yield "steps", "teardown steps alone make no workflow: there is nothing to clean up behind"
    unsound = list(_name_problems(workflow.steps))
    yield from unsound
    if unsound:
        return
    try:
        workflow.in_order()
    except InvalidWorkflow as error:
        yield from error.problems
    else:
        yield from groups.problems(workflow.steps)


def _name_problems(steps: tuple[Step, ...]) -> Iterator[Problem]:
    """Yield names of steps that are used twice or name nothing."""
    known, seen = {step.name for step in steps}, set[str]()
    for index, step in enumerate(steps):
        if step.name in seen:
            yield f"steps.{index}.name", f"{step.name!r} is used twice"
        seen.add(step.name)
        for where, others in (("after", step.after), ("uses", step.uses)):
            for other in dict.fromkeys(others):
                if other not in known:
                    yield f"steps.{index}.{where}", f"there is no step {other!r}"
                elif others.count(other) > 1:
                    yield f"steps.{index}.{where}", f"{other!r} is given twice"


def _step_problems(step: Step) -> Iterator[Problem]:
    if not NAME.match(step.name):
        yield "name", f"{step.name!r}: {_NAME_FORM}"
    if not all(part.isidentifier() for part in step.task.split(".")) or "." not in step.task:
        yield "task", f"{step.task!r} is not a dotted path to a task"
    yield from _retry_problems(step.retry)
    if step.timeout is not None and not timedelta(0) < step.timeout <= _LONGEST_DELAY:
        yield "timeout", f"must be positive and at most {_LONGEST_DELAY.days} days"
    if not 1 <= len(step.pool) <= _WIDTH:
        yield "pool", f"must have 1 to {_WIDTH} letters"
    if len(step.queue) > _WIDTH:
        yield "queue", f"is longer than {_WIDTH} letters"
    if not -(2**31) <= step.priority < 2**31:
        yield "priority", "must be a number of 32 bits"
    if step.trigger_rule not in TRIGGER_RULES:
        yield "trigger_rule", f"unknown rule {step.trigger_rule!r}"
    elif step.teardown and step.trigger_rule not in _TEARDOWN_RULES:
        yield "trigger_rule", "a teardown step runs when all before it are done; it takes no other rule"
    if step.teardown and not step.after:
        yield "after", "a teardown step comes after the steps behind which it cleans up"


def _retry_problems(retry: Retry) -> Iterator[Problem]:
    if not 0 <= retry.limit <= 100:
        yield "retry.limit", "must lie between 0 and 100"
    # The scheduler adds the delay to a date; out of the calendar it would stop for every workflow.
    if not timedelta(0) <= retry.delay <= _LONGEST_DELAY:
        yield "retry.delay", f"must not be negative, and at most {_LONGEST_DELAY.days} days"
    if retry.max_delay is not None and not timedelta(0) < retry.max_delay <= _LONGEST_DELAY:
        yield "retry.max_delay", f"must be positive and at most {_LONGEST_DELAY.days} days"
