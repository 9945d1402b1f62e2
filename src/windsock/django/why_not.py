"""Why something cannot be done to a workflow or a run; empty when it can."""

from windsock.django.models import Workflow, WorkflowRun
from windsock.run import FINISHED, Status


def pause(workflow: Workflow) -> str:
    """Freeze its runs."""
    if workflow.retired_at is not None:
        return f"{workflow.id} is retired."
    return f"{workflow.id} is paused already." if workflow.is_paused else ""


def unpause(workflow: Workflow) -> str:
    """Let its runs go on."""
    return "" if workflow.is_paused else f"{workflow.id} is not paused."


def cancel(run: WorkflowRun) -> str:
    """End it."""
    if run.status in FINISHED:
        return f"It has ended already ({run.status})."
    return "It is being cancelled already." if run.cancel_requested_at is not None else ""


def mark(run: WorkflowRun) -> str:
    """Take it or a step for ended."""
    if run.revision is None and run.started_at is None:
        return "Airflow does not have it: it has not begun."
    if run.status not in FINISHED and run.cancel_requested_at is not None:
        return "It is being cancelled."
    return ""


def clear(run: WorkflowRun) -> str:
    """Do steps again."""
    if why := mark(run):
        return why
    if run.workflow.retired_at is not None:
        return f"{run.workflow_id} is retired: Airflow would not run its steps."
    if run.workflow.is_paused:
        return f"{run.workflow_id} is paused: Airflow would not run its steps."
    return ""


def retry(run: WorkflowRun) -> str:
    """Go on where it failed."""
    if run.status not in FINISHED:
        return "It has not ended yet."
    return "It is done." if run.status == Status.DONE else clear(run)
