"""A workflow as values: what people plan, before any engine sees it, and what must hold of it.

``validate`` checks all that can be told without a database or a third-party library. Whether a task is
registered and whether a cron expression is sound is added by the Django side before a version exists.
"""

from windsock.workflow.rules import NAME, STEP_LIMIT, TRIGGER_RULES, Problem, validate
from windsock.workflow.values import Param, Retry, Schedule, Step, Workflow

__all__ = [
    "NAME",
    "STEP_LIMIT",
    "TRIGGER_RULES",
    "Param",
    "Problem",
    "Retry",
    "Schedule",
    "Step",
    "Workflow",
    "validate",
]
