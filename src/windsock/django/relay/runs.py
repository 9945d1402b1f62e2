"""The duty that starts requested runs in Airflow, once the definition that they are of is live there."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef
from django.utils import timezone

from windsock.django.actions import runs
from windsock.django.actions.workflows import REFUSED
from windsock.django.models import WorkflowRun, WorkflowVersion
from windsock.django.orchestrator import Airflow
from windsock.django.relay.duty import wake
from windsock.errors import OrchestratorAway, OrchestratorError
from windsock.run import Status

logger = logging.getLogger(__name__)

BATCH = 100
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(minutes=1)  #: between two tries


@dataclass(slots=True)
class Starter:
    """Sends what is due."""

    airflow: Airflow | None

    def run(self) -> timedelta | None:
        """One round; return when the next run is due."""
        waiting = WorkflowRun.objects.filter(
            next_send_at__isnull=False, status=Status.PENDING, cancel_requested_at=None
        )
        not_live = WorkflowVersion.objects.filter(workflow=OuterRef("workflow"), is_settled=False)
        due = waiting.filter(next_send_at__lte=timezone.now()).select_related("workflow")
        started = False
        for run in due.annotate(is_waiting=Exists(not_live)).order_by("next_send_at")[:BATCH]:
            try:
                started |= self._start(run, is_waiting=run.is_waiting)
            except OrchestratorAway as error:
                _postpone(run, str(error))
                logger.warning("Run %s waits: %s", run.run_id, error)
                break
            except OrchestratorError as error:
                runs.refuse(run, str(error))
        if started:
            wake("states")
        return _until(waiting.filter(next_send_at__gt=timezone.now()).order_by("next_send_at").first())

    def _start(self, run: WorkflowRun, *, is_waiting: bool) -> bool:
        workflow = run.workflow
        if workflow.retired_at is not None:
            runs.refuse(run, "The workflow was retired before the run began.", Status.CANCELLED)
        elif is_waiting:
            runs.explain(run, workflow.problem or "The newest definition is on its way to Airflow.")
        elif workflow.problem.startswith(REFUSED) and workflow.live_revision is None:
            runs.refuse(run, workflow.problem)
        elif self.airflow is None:
            runs.explain(run, "No Airflow is configured: WINDSOCK['AIRFLOW_URL'] is empty.")
        else:
            self.airflow.start_run(workflow.id, run.run_id, run.params)
            runs.sent(run)
            return True
        return False


def _postpone(run: WorkflowRun, message: str) -> None:
    now = timezone.now()
    runs.postpone(run, now + min(LONGEST, max(SHORTEST, (now - run.created_at) / 4)), message)


def _until(run: WorkflowRun | None) -> timedelta | None:
    due: datetime | None = run.next_send_at if run else None
    return None if due is None else max(timedelta(0), due - timezone.now())
