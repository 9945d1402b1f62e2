import pytest
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException

from windsock.airflow.operators import StepOperator


def test_airflow_renders_nothing_of_a_step() -> None:
    assert StepOperator.template_fields == ()
    assert issubclass(StepOperator, BaseOperator)


def test_without_a_coordinator_the_step_names_the_settings_that_are_missing() -> None:
    with pytest.raises(AirflowException) as caught:
        StepOperator(task_id="sync", queue="billing").execute({})
    assert "[sdk] coordinators" in str(caught.value)
    assert '[sdk] queue_to_coordinator to {"billing": "windsock"}' in str(caught.value)
