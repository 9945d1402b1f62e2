"""The operator of compiled workflows; what it does without a coordinator is in test_fallback."""

import subprocess
import sys

from airflow.sdk import BaseOperator

from windsock.airflow.operators import StepOperator


def test_airflow_renders_nothing_of_a_step() -> None:
    assert StepOperator.template_fields == ()
    assert issubclass(StepOperator, BaseOperator)


def test_on_kill_does_nothing_to_a_step_that_does_not_run() -> None:
    StepOperator(task_id="sync").on_kill()


def test_a_parse_of_a_shard_loads_nothing_that_only_a_run_needs() -> None:
    code = "import sys, windsock.airflow.operators.step; print([m for m in sys.modules if 'windsock' in m])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "windsock.airflow.operators.step" in found.stdout
    assert "windsock.transport" not in found.stdout
    assert "windsock.airflow.plan" not in found.stdout
