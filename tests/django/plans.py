"""Sound workflows whose tasks are registered."""

from typing import Any

from tests.django import jobs

from windsock.testing import a_step, a_workflow
from windsock.workflow import Step, Workflow


def a_line(name: str = "draw", *after: str, **changes: Any) -> Step:
    """A step that adds."""
    return a_step(name, **{"task": jobs.add.module_path, "after": after, **changes})


def a_plan(*steps: Step, **changes: Any) -> Workflow:
    """A workflow of one such step by default."""
    return a_workflow(*steps or (a_line(),), **changes)
