"""The source of the workflows that people edit in the admin and over REST."""

from django.db.models import QuerySet

from windsock.django import sources
from windsock.django.actions.definitions import SOURCE
from windsock.django.definition_rows import FIELDS, value_of
from windsock.django.models import WorkflowDefinition
from windsock.workflow import Workflow


class Definitions(sources.WorkflowSource[WorkflowDefinition]):
    """Each ``WorkflowDefinition`` with its steps is a workflow."""

    model = WorkflowDefinition
    name = SOURCE
    fields = FIELDS

    def queryset(self) -> QuerySet[WorkflowDefinition]:
        """Return the definitions with their steps."""
        return WorkflowDefinition.objects.prefetch_related("steps")

    def workflow(self, row: WorkflowDefinition) -> Workflow:
        """Return what the row and its steps say."""
        return value_of(row)
