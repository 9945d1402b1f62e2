"""News of a run from Airflow: the run and its steps, in one go."""

from collections.abc import Sequence

from django.db import transaction

from windsock.django.actions import mirroring, reconciling
from windsock.django.actions.tasks import alias
from windsock.django.actions.workflows import bury
from windsock.django.models import WorkflowRun
from windsock.django.observed import DagRun, TaskInstance
from windsock.run import FINISHED


def take(seen: DagRun, instances: Sequence[TaskInstance] = ()) -> WorkflowRun | None:
    """Write down a run and its steps, all or nothing.

    A step that begins late finds then that it was ended already. The last run of a retired workflow makes way
    for its tombstone.

    Args:
        seen: the run.
        instances: its steps, read after it.

    Returns:
        The run; None when this may be old news, and nothing was written.
    """
    with transaction.atomic(using=alias()):
        run = mirroring.mirror(seen)
        if run is None:
            return None
        if instances:
            reconciling.reconcile(run, instances)
    if run.status in FINISHED:
        bury([run.workflow_id])
    return run
