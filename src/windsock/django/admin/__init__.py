"""The record and the workflows in Django's admin."""

from windsock.django.admin.runs import TaskRunAdmin, WorkflowRunAdmin
from windsock.django.admin.tokens import ApiTokenAdmin
from windsock.django.admin.workflows import WorkflowAdmin, WorkflowVersionAdmin

__all__ = ["ApiTokenAdmin", "TaskRunAdmin", "WorkflowAdmin", "WorkflowRunAdmin", "WorkflowVersionAdmin"]
