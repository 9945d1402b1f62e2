"""Builders: sound values of which a test names only what it is about."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from windsock.workflow import Schedule, Step, Workflow


def a_step(name: str = "greet", **changes: Any) -> Step:
    """Return a sound step called ``name``, with ``changes`` to its fields."""
    return replace(Step(name=name, task="shop.tasks.greet"), **changes)


def a_workflow(*steps: Step, **changes: Any) -> Workflow:
    """Return a sound daily workflow of ``steps`` (one by default), with ``changes`` to its fields."""
    daily = Schedule(cron=("0 6 * * *",), start=datetime(2026, 1, 1, tzinfo=UTC))
    workflow = Workflow(id="shop_daily", title="Shop", steps=steps or (a_step(),), schedule=daily)
    return replace(workflow, **changes)
