"""What a workflow is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from graphlib import CycleError, TopologicalSorter
from typing import Any

from windsock.errors import InvalidWorkflow


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """How often and after how long a failed step is tried again."""

    limit: int = 0  #: further tries after the first, 0..100
    delay: timedelta = timedelta(seconds=30)  #: before the second try, 0..365 days
    backoff: bool = False  #: double the delay at each further try
    max_delay: timedelta | None = None  #: upper bound of a doubled delay, > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """When a workflow runs by itself: by cron, by a fixed interval, once, or never."""

    cron: tuple[str, ...] = ()  #: five-field expressions or presets such as "@daily"; several are united
    every: timedelta | None = None  #: fixed interval, 1 second..3650 days; excludes ``cron``
    once: bool = False  #: a single run; excludes ``cron`` and ``every``
    start: datetime | None = None  #: aware; needed by every schedule that runs by itself
    end: datetime | None = None  #: aware; no interval begins after it
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
    timeout: timedelta | None = None  #: of one attempt, > 0, <= 365 days
    trigger_rule: str = "all_success"
    pool: str = "default_pool"
    priority: int = 1  #: Airflow's priority weight, 32 bits
    queue: str = ""  #: empty: the project's own queue
    depends_on_past: bool = False
    teardown: bool = False  #: cleans up behind ``after``, whatever became of it; cannot fail a run
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
        steps = {step.name: step for step in self.steps}
        sorter = TopologicalSorter({step.name: step.after for step in self.steps})
        try:
            return tuple(steps[name] for name in sorter.static_order())
        except CycleError as error:
            circle = " -> ".join(reversed(error.args[1]))
            raise InvalidWorkflow((("steps", f"the steps run in a circle: {circle}"),)) from None
