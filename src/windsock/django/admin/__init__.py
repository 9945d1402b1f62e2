"""The record and the workflows in Django's admin."""

from windsock.django.admin.definitions import WorkflowDefinitionAdmin
from windsock.django.admin.runs import WorkflowRunAdmin
from windsock.django.admin.tasks import TaskRunAdmin
from windsock.django.admin.tokens import ApiTokenAdmin
from windsock.django.admin.versions import WorkflowVersionAdmin
from windsock.django.admin.workflows import WorkflowAdmin

__all__ = [
    "ApiTokenAdmin",
    "TaskRunAdmin",
    "WorkflowAdmin",
    "WorkflowDefinitionAdmin",
    "WorkflowRunAdmin",
    "WorkflowVersionAdmin",
]
