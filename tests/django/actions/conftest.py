"""A workflow that runs are of, unless a module has one of its own, and a run whose steps begin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from windsock.django.actions import steps
from windsock.django.models import TaskRun, Workflow, WorkflowRun, WorkflowVersion
from windsock.workflow import Retry, Step

STEP = Step(name="one", task="tests.django.jobs.add", retry=Retry(limit=1))
Begin = Callable[..., TaskRun]


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


@pytest.fixture
def run(db: None) -> WorkflowRun:
    """Of a workflow with the steps one and two."""
    workflow = Workflow.objects.create(id="a", source="test")
    document = {"id": "a", "steps": [{"name": "one", "task": STEP.task}, {"name": "two", "task": "x.y"}]}
    WorkflowVersion.objects.create(workflow=workflow, digest="1", revision=1, document=document)
    return WorkflowRun.objects.create(workflow=workflow, run_id="r", revision=1)


@pytest.fixture
def begin(run: WorkflowRun) -> Begin:
    """Begin an attempt of a step, by default of the first."""

    def attempt(number: int, step: Step = STEP, **changes: Any) -> TaskRun:
        with transaction.atomic():
            locked = WorkflowRun.objects.select_for_update(no_key=True).get(pk=run.pk)
            return steps.begin(locked, step, **{"map_index": -1, "attempt": number, **changes})

    return attempt
