"""Steps that leave a row when they begin, before they do what a test is about."""

import os

from rules.locks import wait_for_lock
from rules.models import Trace

from windsock.django.compat import task
from windsock.django.context import TaskContext


def leave_trace(context: TaskContext) -> None:
    run = context.run.workflow_run
    assert run is not None
    Trace.objects.create(
        workflow=run.workflow_id,
        run_id=run.run_id,
        step=context.run.step,
        attempt=context.attempt,
        pid=os.getpid(),
    )


@task(takes_context=True)
def note(context: TaskContext, word: str = "") -> str:
    """Return the word."""
    leave_trace(context)
    return word


@task(takes_context=True)
def hold(context: TaskContext, lock: int, word: str = "") -> str:
    """Return the word once the test gives the lock back."""
    leave_trace(context)
    wait_for_lock(lock)
    return word


@task(takes_context=True)
def fail(context: TaskContext) -> None:
    """Fail always."""
    leave_trace(context)
    raise ValueError("this step fails")
