"""Workflows as Airflow DAGs: compiled, checked one by one, and kept in shards."""

from windsock.airflow.dag.compile import SENTINEL, build, sentinel
from windsock.airflow.dag.loader import load

__all__ = ["SENTINEL", "build", "load", "sentinel"]
