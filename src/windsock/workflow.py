"""A workflow as values: what people plan, before any engine sees it.

``validate`` checks all that can be told without a database or a third-party library. Whether a task is
registered and whether a cron expression is sound is added by the Django side before a version exists.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from graphlib import CycleError, TopologicalSorter
from typing import Any
from zoneinfo import ZoneInfo

from windsock.errors import InvalidWorkflow

#: Names that Airflow accepts for a DAG or a task. Source: Airflow 3.3, ``airflow.sdk._shared.dagnode``.
NAME = re.compile(r"[\w.-]{1,250}\Z", re.ASCII)
STEP_LIMIT = 1_000
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """How often and after how long a failed step is tried again."""

    limit: int = 0  #: further tries after the first, 0..100
    delay: timedelta = timedelta(seconds=30)  #: before the second try, >= 0
    backoff: bool = False  #: double the delay at each further try
    max_delay: timedelta | None = None  #: upper bound of a doubled delay


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """When a workflow runs by itself: by cron, by a fixed interval, once, or never."""

    cron: tuple[str, ...] = ()  #: five-field expressions or presets such as "@daily"; several are united
    every: timedelta | None = None  #: fixed interval, >= 1 second; excludes ``cron``
    once: bool = False  #: a single run; excludes ``cron`` and ``every``
    start: datetime | None = None  #: aware; needed by every schedule that runs by itself
    end: datetime | None = None  #: aware; no run after it
    timezone: str = "UTC"  #: IANA name in which cron expressions are read
    catchup: bool = False  #: also run the intervals between ``start`` and now

    @property
    def is_manual(self) -> bool:
        """Whether the workflow runs only when a person or a program says so."""
        return not (self.cron or self.every or self.once)


@dataclass(frozen=True, kw_only=True, slots=True)
class Param:
    """A value that a run may be given."""

    default: Any = None
    schema: Mapping[str, Any] = field(default_factory=dict)  #: JSON schema, draft 2020-12
    description: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A node of a workflow: a registered task, its arguments, and what it comes after."""

    name: str  #: unique in the workflow; Airflow's task id
    task: str  #: path of a registered task, "shop.tasks.sync"
    args: tuple[Any, ...] = ()  #: JSON data; strings may hold templates
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()  #: names of steps
    uses: tuple[str, ...] = ()  #: steps whose results the templates read; filled in by the compiler
    retry: Retry = Retry()
    timeout: timedelta | None = None  #: of one attempt, > 0
    trigger_rule: str = "all_success"
    pool: str = "default_pool"
    priority: int = 1  #: Airflow's priority weight
    queue: str = ""  #: empty: the project's own queue
    depends_on_past: bool = False
    teardown: bool = False
    group: str = ""  #: where graphs draw it, "load" or "load.files"; the step's name stays unique without it


@dataclass(frozen=True, kw_only=True, slots=True)
class Workflow:
    """A named plan of steps."""

    id: str  #: Airflow's DAG id; never reused for another plan
    title: str = ""
    steps: tuple[Step, ...] = ()
    schedule: Schedule = Schedule()
    params: Mapping[str, Param] = field(default_factory=dict)
    max_active_runs: int = 16  #: 1..1000
    owner: str = "windsock"
    tags: tuple[str, ...] = ()
    description: str = ""
    notify: tuple[str, ...] = ()  #: e-mail addresses that are told when a run fails

    def step(self, name: str) -> Step:
        """Return the step called ``name``.

        Raises:
            KeyError: there is none.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def in_order(self) -> tuple[Step, ...]:
        """Return the steps so that each stands behind all that it comes after.

        Raises:
            InvalidWorkflow: the steps form a cycle.
        """
        sorter = TopologicalSorter({step.name: step.after for step in self.steps})
        try:
            return tuple(self.step(name) for name in sorter.static_order())
        except CycleError as error:
            circle = " -> ".join(reversed(error.args[1]))
            raise InvalidWorkflow((("steps", f"the steps run in a circle: {circle}"),)) from None


def validate(workflow: Workflow) -> tuple[Problem, ...]:
    """Return what is wrong with ``workflow`` as (field path, message) pairs; empty when sound."""
    return tuple(_problems(workflow))


def _problems(workflow: Workflow) -> Iterator[Problem]:
    if not NAME.match(workflow.id):
        yield "id", f"{workflow.id!r}: use up to 250 letters, digits, dots, dashes and underscores"
    if not 1 <= workflow.max_active_runs <= 1_000:
        yield "max_active_runs", "must lie between 1 and 1000"
    yield from _schedule_problems(workflow.schedule)
    for name in workflow.params:
        if not name.isidentifier():
            yield f"params.{name}", "the name must be a Python identifier"
    yield from _graph_problems(workflow)
    for index, step in enumerate(workflow.steps):
        for where, message in _step_problems(step):
            yield f"steps.{index}.{where}", message


def _schedule_problems(schedule: Schedule) -> Iterator[Problem]:
    if sum((bool(schedule.cron), schedule.every is not None, schedule.once)) > 1:
        yield "schedule", "choose one of cron, every and once"
    if schedule.every is not None and schedule.every < timedelta(seconds=1):
        yield "schedule.every", "must be at least one second"
    for name, moment in (("start", schedule.start), ("end", schedule.end)):
        if moment is not None and moment.tzinfo is None:
            yield f"schedule.{name}", "must carry a time zone"
    if not schedule.is_manual and schedule.start is None:
        yield "schedule.start", "a workflow that runs by itself needs a start"
    start, end = schedule.start, schedule.end
    if start and end and start.tzinfo and end.tzinfo and end < start:
        yield "schedule.end", "lies before the start"
    try:
        ZoneInfo(schedule.timezone)
    except (KeyError, ValueError, OSError):
        yield "schedule.timezone", f"unknown time zone {schedule.timezone!r}"


def _graph_problems(workflow: Workflow) -> Iterator[Problem]:
    names = [step.name for step in workflow.steps]
    if not names:
        yield "steps", "a workflow needs at least one step"
    if len(names) > STEP_LIMIT:
        yield "steps", f"{len(names)} steps; the limit is {STEP_LIMIT}"
    known = set(names)
    sound = len(known) == len(names)
    for index, step in enumerate(workflow.steps):
        if names.index(step.name) != index:
            yield f"steps.{index}.name", f"{step.name!r} is used twice"
        for where in ("after", "uses"):
            for other in getattr(step, where):
                if other not in known:
                    sound = False
                    yield f"steps.{index}.{where}", f"there is no step {other!r}"
    if sound and len(names) <= STEP_LIMIT:
        try:
            workflow.in_order()
        except InvalidWorkflow as error:
            yield from error.problems


def _step_problems(step: Step) -> Iterator[Problem]:
    if not NAME.match(step.name):
        yield "name", f"{step.name!r}: use up to 250 letters, digits, dots, dashes and underscores"
    if not all(part.isidentifier() for part in step.task.split(".")) or "." not in step.task:
        yield "task", f"{step.task!r} is not a dotted path to a task"
    if not 0 <= step.retry.limit <= 100:
        yield "retry.limit", "must lie between 0 and 100"
    if step.retry.delay < timedelta(0):
        yield "retry.delay", "must not be negative"
    if step.timeout is not None and step.timeout <= timedelta(0):
        yield "timeout", "must be positive"
    if step.trigger_rule not in TRIGGER_RULES:
        yield "trigger_rule", f"unknown rule {step.trigger_rule!r}"
