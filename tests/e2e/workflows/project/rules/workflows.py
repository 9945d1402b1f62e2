"""Every plan is a workflow."""

from rules.models import Plan

from windsock import wire
from windsock.django import sources
from windsock.workflow import Workflow


@sources.register
class Plans(sources.WorkflowSource[Plan]):
    """Take the row at its word."""

    model = Plan

    def workflow(self, row: Plan) -> Workflow:
        return wire.from_json(Workflow, row.document)
