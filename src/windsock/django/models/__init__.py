"""What Windsock keeps: tokens, workflows with their versions and runs, and the record of every execution."""

from windsock.django.models.definition import StepDefinition, WorkflowDefinition
from windsock.django.models.idempotency import IdempotencyKey
from windsock.django.models.task_run import TaskRun
from windsock.django.models.token import ApiToken
from windsock.django.models.waiter import Waiter
from windsock.django.models.workflow import RelayState, Workflow, WorkflowVersion
from windsock.django.models.workflow_run import WorkflowRun

__all__ = [
    "ApiToken",
    "IdempotencyKey",
    "RelayState",
    "StepDefinition",
    "TaskRun",
    "Waiter",
    "Workflow",
    "WorkflowDefinition",
    "WorkflowRun",
    "WorkflowVersion",
]
