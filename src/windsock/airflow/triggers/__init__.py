"""Waiting for Django in the triggerer: no worker is held, and all triggers of a process share a listener."""

from windsock.airflow.triggers.check import DjangoCheckTrigger
from windsock.airflow.triggers.task import DjangoTaskTrigger

__all__ = ["DjangoCheckTrigger", "DjangoTaskTrigger"]
