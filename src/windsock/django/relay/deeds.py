"""The duty that follows Airflow's audit log: what people do there that no run's own state shows.

A step of an ended run is marked, a run that waits is deleted, a DAG is paused: no Dag run changes then.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from windsock.django.actions import mirroring, news
from windsock.django.models import RelayState, WorkflowRun
from windsock.django.observed import Deed
from windsock.django.orchestrator import Airflow
from windsock.django.relay.duty import wake
from windsock.errors import OrchestratorAway, OrchestratorError

logger = logging.getLogger(__name__)

NAME = "deeds"
EVERY = timedelta(seconds=4)
OVERLAP = timedelta(seconds=15)
KEEP_EVERY = timedelta(seconds=30)  #: between two writes of the cursor
FIRST_LOOK_BACK = timedelta(days=1)
#: Airflow writes the line before it does the deed, so one look may come too early.
LOOKS = 2
PAUSES = frozenset({"patch_dag", "patch_dags"})


@dataclass(slots=True)
class Follower:
    """What the relay remembers between two rounds."""

    airflow: Airflow | None
    _cursor: datetime | None = None
    _kept: datetime | None = None
    _looks: Counter[int] = field(default_factory=Counter)

    def run(self) -> timedelta | None:
        """One round."""
        if self.airflow is None:
            return None
        cursor = self._cursor or _stored_cursor() or timezone.now() - FIRST_LOOK_BACK
        try:
            found, began = self.airflow.deeds_since(cursor - OVERLAP)
            fresh = [deed for deed in found if self._looks[deed.id] < LOOKS]
            if any(deed.what in PAUSES for deed in fresh):
                wake("pauses")
            for run in _runs(fresh):
                _look(self.airflow, run)
        except OrchestratorError as error:
            # The duty that reads the states says the same, louder.
            logger.info("Airflow's audit log cannot be followed: %s", error)
            return None
        self._looks = Counter({deed.id: self._looks[deed.id] + 1 for deed in found})
        self._cursor = began
        if self._kept is None or began - self._kept >= KEEP_EVERY:
            RelayState.objects.update_or_create(name=NAME, defaults={"cursor": began.isoformat()})
            self._kept = began
        return None


def _runs(deeds: Iterable[Deed]) -> list[WorkflowRun]:
    """Return the runs that deeds are about, as far as they are known here."""
    named = {(deed.workflow, deed.run_id) for deed in deeds if deed.run_id}
    workflows, ids = {workflow for workflow, _ in named}, {run_id for _, run_id in named}
    found = WorkflowRun.objects.filter(workflow__in=workflows, run_id__in=ids)
    return [run for run in found.order_by("id") if (run.workflow_id, run.run_id) in named]


def _look(airflow: Airflow, run: WorkflowRun) -> None:
    where = run.workflow_id, run.run_id
    try:
        seen = airflow.run(*where)
        if seen is None:
            mirroring.vanish(run)
        else:
            news.take(seen, airflow.steps(*where))
    except OrchestratorAway:
        raise
    except OrchestratorError as error:
        logger.warning("Run %s cannot be read: %s", run.run_id, error)


def _stored_cursor() -> datetime | None:
    state = RelayState.objects.filter(name=NAME).first()
    return datetime.fromisoformat(state.cursor) if state and state.cursor else None
