"""The duty that has Airflow end the runs that were cancelled here."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from windsock.django.actions import news, operating
from windsock.django.models import WorkflowRun
from windsock.django.orchestrator import Airflow
from windsock.errors import OrchestratorAway, OrchestratorError
from windsock.run import AIRFLOW_RUN_STATES, FINISHED

logger = logging.getLogger(__name__)

BATCH = 100
AGAIN = timedelta(seconds=5)  #: after Airflow was away, or refused


@dataclass(slots=True)
class Canceller:
    """Ends what is due."""

    airflow: Airflow | None

    def run(self) -> timedelta | None:
        """One round; return when the next try is due."""
        if self.airflow is None:
            return None
        for run in _due().filter(next_send_at__lte=timezone.now()).order_by("next_send_at")[:BATCH]:
            try:
                self._cancel(self.airflow, run)
            except OrchestratorError as error:
                operating.cancel_postponed(run, timezone.now() + AGAIN, str(error))
                logger.warning("Run %s is not cancelled yet: %s", run.run_id, error)
                if isinstance(error, OrchestratorAway):
                    break
        return AGAIN if _due().exists() else None

    def _cancel(self, airflow: Airflow, run: WorkflowRun) -> None:
        where = run.workflow_id, run.run_id
        seen = airflow.run(*where)
        if seen is not None and AIRFLOW_RUN_STATES.get(seen.state) not in FINISHED:
            seen = airflow.set_run(*where, "failed")
            if seen is not None:
                operating.cancel_delivered(run)
        if seen is None:
            operating.cancel_in_vain(run)
            return
        # Teardown steps may go on; then the end is written down when it is seen.
        news.take(seen, airflow.steps(*where))


def _due() -> QuerySet[WorkflowRun]:
    return WorkflowRun.objects.filter(cancel_requested_at__isnull=False, next_send_at__isnull=False)
