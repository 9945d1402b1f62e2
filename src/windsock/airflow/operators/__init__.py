"""The operators: steps of compiled workflows, and Django code in hand-written DAGs.

They are loaded when they are asked for: each parse of compiled workflows needs the one of steps alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from windsock.airflow.operators.django import DjangoOperator
    from windsock.airflow.operators.manage import DjangoManageOperator
    from windsock.airflow.operators.poetry import PoetryDjangoOperator
    from windsock.airflow.operators.sensor import DjangoSensor
    from windsock.airflow.operators.step import QUEUE, StepOperator
    from windsock.airflow.operators.task import DjangoTaskOperator

__all__ = [
    "QUEUE",
    "DjangoManageOperator",
    "DjangoOperator",
    "DjangoSensor",
    "DjangoTaskOperator",
    "PoetryDjangoOperator",
    "StepOperator",
]

_MODULES = {
    "DjangoManageOperator": "manage",
    "DjangoOperator": "django",
    "DjangoSensor": "sensor",
    "DjangoTaskOperator": "task",
    "PoetryDjangoOperator": "poetry",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'step')}"), name)
