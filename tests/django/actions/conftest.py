"""A workflow that runs are of, unless a module has one of its own."""

import pytest

from windsock.django.models import Workflow, WorkflowVersion


@pytest.fixture
def workflow(db: None) -> Workflow:
    """Of two versions: revision 3 and, newer, revision 5."""
    workflow = Workflow.objects.create(id="a", source="test")
    document = {
        "id": "a",
        "params": {"day": {}},
        "steps": [{"name": "one", "task": "shop.tasks.old"}],
    }
    WorkflowVersion.objects.create(workflow=workflow, digest="1", revision=3, document=document)
    newer = {**document, "steps": [{"name": "one", "task": "shop.tasks.new"}]}
    WorkflowVersion.objects.create(workflow=workflow, digest="2", revision=5, document=newer)
    return workflow
