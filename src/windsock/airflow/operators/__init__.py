"""The operators: steps of compiled workflows, and Django code in hand-written DAGs."""

from windsock.airflow.operators.django import DjangoOperator
from windsock.airflow.operators.manage import DjangoManageOperator
from windsock.airflow.operators.poetry import PoetryDjangoOperator
from windsock.airflow.operators.step import QUEUE, StepOperator

__all__ = ["QUEUE", "DjangoManageOperator", "DjangoOperator", "PoetryDjangoOperator", "StepOperator"]
