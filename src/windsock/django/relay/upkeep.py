"""Slow duties that repair what no signal told: rows that changed unseen, DAGs that Airflow lost."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from windsock.django import sources
from windsock.django.actions import liveness
from windsock.django.models import Workflow
from windsock.django.orchestrator import Airflow, sentinel
from windsock.errors import OrchestratorError

logger = logging.getLogger(__name__)

EVERY = timedelta(minutes=5)


def publish_all() -> None:
    """Publish what bypassed the signals: bulk changes, raw SQL, workflows in code of a new release."""
    for name in sources.known_names():
        try:
            summary = sources.publish_all([name])
        except Exception:
            logger.exception("The source %s could not be read", name)
            continue
        if summary.versions or summary.retired:
            logger.info("%s: %d new versions, %d retired", name, summary.versions, summary.retired)


@dataclass(frozen=True, slots=True)
class Comparer:
    """Sees whether Airflow still schedules all that is in force here."""

    airflow: Airflow | None

    def run(self) -> None:
        """One round: count; only when some are missing, read the list of all DAGs."""
        in_force = Workflow.objects.filter(live_revision__isnull=False, retired_at=None)
        expected = in_force.count()
        if self.airflow is None or not expected:
            return
        try:
            served = self.airflow.served(sentinel())
            if served is not None and self.airflow.count_in_force(served.bundle) > expected:
                return
            scheduled = self.airflow.in_force()
        except OrchestratorError as error:
            logger.debug("Airflow's DAGs could not be compared: %s", error)
            return
        missing = [name for name in in_force.values_list("id", flat=True) if name not in scheduled]
        reopened = liveness.reopen(missing)
        if reopened:
            logger.warning("Airflow does not schedule %d workflows that were in force", reopened)
