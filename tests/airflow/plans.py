"""Workflows for tests."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

from windsock.airflow.dag.shards import shard_of
from windsock.workflow import Schedule, Step, Workflow

START = datetime(2026, 1, 1, tzinfo=UTC)
DAILY = Schedule(cron=("@daily",), start=START)
NEVER = Schedule(cron=("99 * * * *",), start=START)


def plan(workflow: str, **values: Any) -> Workflow:
    return Workflow(**{"id": workflow, "steps": (Step(name="sync", task="shop.tasks.sync"),), **values})


def neighbours(shard: str) -> Iterator[str]:
    """Yield workflow ids that live in one shard."""

    return (name for name in (f"shop_{number}" for number in count()) if shard_of(name) == shard)
