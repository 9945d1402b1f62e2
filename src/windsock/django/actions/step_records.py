"""The rows of steps, found and made."""

from typing import Any

from windsock.django.models import TaskRun, WorkflowRun
from windsock.django.tasks import registered
from windsock.workflow import Step


def latest_of(run: WorkflowRun, step: str, map_index: int) -> TaskRun | None:
    """Return the record of the newest generation."""
    records = TaskRun.objects.filter(workflow_run=run, step=step, map_index=map_index)
    return records.order_by("-generation").first()


def new_record(run: WorkflowRun, step: Step, map_index: int, **fields: Any) -> TaskRun:
    """Return a record that is not saved yet, of the run's generation.

    Args:
        run: its run.
        step: as the run's version has it.
        map_index: -1 for a step that is not mapped.
        fields: of the record.
    """
    task = registered().get(step.task)
    names = ("backend", "queue_name", "takes_context") if task else ()
    return TaskRun(
        task=step.task,
        name=step.name[:200],
        retry_delay=step.retry.delay,
        timeout=step.timeout,
        owner_id=run.requested_by_id,
        workflow_run=run,
        step=step.name,
        map_index=map_index,
        generation=run.generation,
        **{name: getattr(task, name) for name in names},
        **fields,
    )
