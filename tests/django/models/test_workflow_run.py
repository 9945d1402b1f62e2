import pytest
from django.db import IntegrityError, transaction

from windsock.django.models import Workflow, WorkflowRun
from windsock.run import AIRFLOW_RUN_STATES

pytestmark = pytest.mark.django_db


def test_every_state_of_an_airflow_run_has_a_status_here() -> None:
    assert {str(status) for status in AIRFLOW_RUN_STATES.values()} <= set(WorkflowRun.Status.values)


def test_a_run_of_airflow_has_one_mirror() -> None:
    workflow = Workflow.objects.create(id="w", source="test")
    WorkflowRun.objects.create(workflow=workflow, run_id="manual__1")

    with pytest.raises(IntegrityError), transaction.atomic():
        WorkflowRun.objects.create(workflow=workflow, run_id="manual__1")
