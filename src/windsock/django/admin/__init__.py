"""The record and the workflows in Django's admin."""

from windsock.django.admin.runs import WorkflowRunAdmin
from windsock.django.admin.tasks import TaskRunAdmin
from windsock.django.admin.tokens import ApiTokenAdmin
from windsock.django.admin.workflows import WorkflowAdmin, WorkflowVersionAdmin

__all__ = ["ApiTokenAdmin", "TaskRunAdmin", "WorkflowAdmin", "WorkflowRunAdmin", "WorkflowVersionAdmin"]
