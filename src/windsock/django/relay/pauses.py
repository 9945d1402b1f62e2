"""The duty that tells Airflow what is paused here, and sees what was paused there."""

import logging
import time
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from windsock.django.actions import operating
from windsock.django.models import Workflow
from windsock.django.orchestrator import Airflow
from windsock.errors import OrchestratorAway, OrchestratorError

logger = logging.getLogger(__name__)

BATCH = 500
EVERY = timedelta(minutes=1)  #: somebody's click there is in Airflow's audit log, which wakes this duty
AGAIN = timedelta(seconds=5)  #: after Airflow had no such DAG, or was away
SHARE = 10  #: times as long as a look took, the next one waits, however often somebody pauses something
LONGEST_REST = timedelta(seconds=5)


@dataclass(slots=True)
class Pauser:
    """What the relay remembers between two rounds."""

    airflow: Airflow | None
    _look_after: float = float("-inf")  # on the monotonic clock

    def run(self) -> timedelta | None:
        """One round; return when the next one is due, if that is sooner than usual."""
        if self.airflow is None:
            return None
        try:
            is_all_told = self._tell(self.airflow)
            rest = self._look_after - time.monotonic()
            if rest > 0:
                return AGAIN if not is_all_told else timedelta(seconds=rest)
            self._look(self.airflow)
        except OrchestratorAway as error:
            logger.info("Pauses wait: %s", error)
            return AGAIN
        return None if is_all_told else AGAIN

    def _tell(self, airflow: Airflow) -> bool:
        """Tell Airflow what it does not know; return whether that is all."""
        due = Workflow.objects.filter(pause_due_at__lte=timezone.now()).order_by("pause_due_at")
        is_all_told = True
        for workflow in due[:BATCH]:
            try:
                is_told = airflow.set_paused(workflow.id, workflow.is_paused)
            except OrchestratorAway:
                raise
            except OrchestratorError as error:
                is_told = False
                logger.warning("%s is not paused or unpaused: %s", workflow.id, error)
            if is_told or not workflow.is_paused:
                # A DAG that is not there yet begins unpaused.
                operating.pause_delivered(workflow)
            else:
                operating.pause_postponed(workflow, timezone.now() + AGAIN)
                is_all_told = False
        return is_all_told

    def _look(self, airflow: Airflow) -> None:
        began = time.monotonic()
        if changed := operating.pauses_seen(airflow.paused()):
            logger.info("%s workflows were paused or unpaused in Airflow.", changed)
        now = time.monotonic()
        self._look_after = now + min(LONGEST_REST.total_seconds(), (now - began) * SHARE)
