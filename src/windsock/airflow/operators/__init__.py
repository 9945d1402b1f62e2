"""The operators: steps of compiled workflows, and Django code in hand-written DAGs."""

from windsock.airflow.operators.step import QUEUE, StepOperator

__all__ = ["QUEUE", "StepOperator"]
