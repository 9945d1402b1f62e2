"""The duty that brings the states of Airflow's runs and steps back, by a cursor over Airflow's own clock."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from windsock.django.actions import mirroring, news
from windsock.django.models import RelayState, Workflow, WorkflowRun
from windsock.django.observed import DagRun, RunKey, TaskInstance
from windsock.django.orchestrator import Airflow
from windsock.errors import OrchestratorAway, OrchestratorError
from windsock.run import AIRFLOW_RUN_STATES, FINISHED

logger = logging.getLogger(__name__)

NAME = "states"
OFTEN, SELDOM = timedelta(seconds=0.5), timedelta(seconds=4)  #: between two looks
CLOSEST = timedelta(seconds=0.3)
LIVELY = timedelta(seconds=60)  #: after its last change a run is looked at often
#: A transaction may become visible this much later than the time that it wrote.
OVERLAP = timedelta(seconds=15)
#: Nearly all do within this time; most looks go back no further, as Airflow takes a millisecond for each run.
BRIEF_OVERLAP = timedelta(seconds=2)
COMPLETE_EVERY = timedelta(seconds=5)  #: of Airflow's time, between two looks over the whole of it
KEEP_EVERY = timedelta(seconds=30)  #: between two writes of the cursor
FIRST_LOOK_BACK = timedelta(days=1)
SWEEP_EVERY = 60.0  #: seconds between two looks at single runs from which nothing was heard
SWEEP = 20  #: runs a sweep
BATCH = 25  #: runs whose steps are read in one go


@dataclass(slots=True)
class Watcher:
    """What the relay remembers between two rounds."""

    airflow: Airflow | None
    clock: Callable[[], float] = time.monotonic
    _cursor: datetime | None = None  # Airflow's time at the last look
    _complete: datetime | None = None  # the same of the last one over the whole overlap
    _kept: datetime | None = None
    _seen: dict[RunKey, DagRun] = field(default_factory=dict)
    _looked_at: float = float("-inf")
    _swept_at: float = float("-inf")
    _sweep_after: str = ""

    def run(self) -> timedelta | None:
        """One round; return when to look again."""
        if self.airflow is None:
            return None
        now = self.clock()
        rest = CLOSEST - timedelta(seconds=min(now - self._looked_at, 1e6))
        if rest > timedelta(0):
            return rest
        self._looked_at = now
        try:
            self._look(self.airflow)
            if now - self._swept_at >= SWEEP_EVERY:
                self._sweep(self.airflow)
                self._swept_at = now
        except OrchestratorError as error:
            logger.warning("The states of runs cannot be read: %s", error)
            return SELDOM
        return OFTEN if _is_lively() else SELDOM

    def _look(self, airflow: Airflow) -> None:
        cursor = self._cursor or _stored_cursor() or timezone.now() - FIRST_LOOK_BACK
        is_complete = self._complete is None or cursor - self._complete >= COMPLETE_EVERY
        since = (self._complete or cursor) - OVERLAP if is_complete else cursor - BRIEF_OVERLAP
        found, began = airflow.runs_since(since)
        known = set(
            Workflow.objects.filter(id__in={run.workflow for run in found}).values_list("id", flat=True)
        )
        ours = {_key(seen): seen for seen in found if seen.workflow in known}
        fresh = [seen for key, seen in ours.items() if not _is_same(self._seen.get(key), seen)]
        left_out = set(_take(airflow, fresh))
        seen = ours if is_complete else self._seen | ours
        self._seen = {key: run for key, run in seen.items() if key not in left_out}
        self._cursor = began
        if is_complete:
            self._complete = began
            self._keep(began)

    def _keep(self, cursor: datetime) -> None:
        """Write down from where another relay would go on."""
        if self._kept is None or cursor - self._kept >= KEEP_EVERY:
            RelayState.objects.update_or_create(name=NAME, defaults={"cursor": cursor.isoformat()})
            self._kept = cursor

    def _sweep(self, airflow: Airflow) -> None:
        """Look at runs from which nothing was heard: deleted ones send no news."""
        quiet = WorkflowRun.objects.exclude(status__in=FINISHED).filter(
            next_send_at=None, updated_at__lt=timezone.now() - LIVELY
        )
        batch = list(quiet.filter(run_id__gt=self._sweep_after).order_by("run_id")[:SWEEP])
        self._sweep_after = batch[-1].run_id if len(batch) == SWEEP else ""
        quiet_there = [(run, airflow.run(run.workflow_id, run.run_id)) for run in batch]
        _take(airflow, [seen for _, seen in quiet_there if seen is not None])
        for run, seen in quiet_there:
            if seen is None:
                mirroring.vanish(run)


def _take(airflow: Airflow, runs: Sequence[DagRun]) -> list[RunKey]:
    """Write runs down; return those that were left out, each of which holds up no other."""
    left_out: list[RunKey] = []
    for begin in range(0, len(runs), BATCH):
        batch = runs[begin : begin + BATCH]
        # Read after the runs, so that each step of an ended one has its last state.
        steps = _steps(airflow, [_key(seen) for seen in batch if _is_over(seen)])
        for seen in batch:
            is_readable = _key(seen) in steps or not _is_over(seen)
            if not is_readable or news.take(seen, steps.get(_key(seen), [])) is None:
                left_out.append(_key(seen))
    return left_out


def _steps(airflow: Airflow, runs: Sequence[RunKey]) -> dict[RunKey, list[TaskInstance]]:
    """Return the steps of runs, in one go where that can be; a run that Airflow refuses is left out."""
    found: dict[RunKey, list[TaskInstance]] = {}
    with _noted("The steps of %s cannot be read in one go: %s", f"{len(runs)} runs"):
        found = airflow.steps_of(runs) if runs else {}
    for key in set(runs) - set(found):
        with _noted("The steps of run %s cannot be read: %s", key[1]):
            found[key] = airflow.steps(*key)
    return found


@contextmanager
def _noted(message: str, about: str) -> Iterator[None]:
    try:
        yield
    except OrchestratorAway:
        raise
    except OrchestratorError as error:
        logger.warning(message, about, error)


def _key(run: DagRun) -> RunKey:
    return run.workflow, run.run_id


def _is_over(run: DagRun) -> bool:
    return AIRFLOW_RUN_STATES.get(run.state) in FINISHED


def _is_same(before: DagRun | None, now: DagRun) -> bool:
    return before is not None and (before.state, before.started_at, before.finished_at, before.revision) == (
        now.state,
        now.started_at,
        now.finished_at,
        now.revision,
    )


def _is_lively() -> bool:
    active = WorkflowRun.objects.exclude(status__in=FINISHED).filter(next_send_at=None)
    return active.filter(updated_at__gt=timezone.now() - LIVELY).exists()


def _stored_cursor() -> datetime | None:
    state = RelayState.objects.filter(name=NAME).first()
    return datetime.fromisoformat(state.cursor) if state and state.cursor else None
