from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from tests.django.plans import a_line, a_plan
from tests.django.test_definition_rows import workflows

from windsock import wire
from windsock.django import compiler
from windsock.django.actions import definitions, revisions, versions
from windsock.django.actions import workflows as actions
from windsock.django.actions.versions import Change
from windsock.django.actions.workflows import Plan
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.errors import InvalidWorkflow, NotEditable
from windsock.workflow import Workflow as Definition


def version(workflow: Definition | None) -> WorkflowVersion:
    return WorkflowVersion(document=workflow and compiler.document_of(workflow))


def difference(older: Definition | None, newer: Definition | None) -> dict[str, Any]:
    changes = versions.difference(version(older), version(newer))
    return {change.path: (change.before, change.after) for change in changes}


def test_steps_are_compared_by_name_and_arguments_by_key() -> None:
    draw = a_line("draw", kwargs={"value": 1, "kept": True})
    older = a_plan(draw, a_line("gone"))
    newer = a_plan(
        a_line("new"),
        replace(draw, kwargs={"value": 2, "kept": True, "more": None}),
        schedule=replace(older.schedule, cron=("@daily",)),
    )
    changes = versions.difference(version(older), version(newer))

    assert Change("schedule.cron", ["0 6 * * *"], ["@daily"]) in changes
    assert Change("steps.draw.kwargs.value", 1, 2) in changes
    assert Change("steps.draw.kwargs.more", None, None, "added") in changes
    kinds = {change.path: change.kind for change in changes}
    assert (kinds["steps.gone"], kinds["steps.new"]) == ("removed", "added")
    assert len(changes) == 5


def test_another_order_of_the_same_steps_is_a_change() -> None:
    a, b = a_line("a"), a_line("b")
    assert difference(a_plan(a, b), a_plan(b, a)) == {"steps": (["a", "b"], ["b", "a"])}


def test_what_is_left_at_its_default_is_not_there() -> None:
    older, newer = a_plan(), a_plan(a_line(pool="shop"))
    assert difference(older, newer) == {"steps.draw.pool": (None, "shop")}


def test_a_retired_version_says_nothing() -> None:
    assert set(difference(a_plan(), None)) == {"id", "title", "steps", "schedule"}
    assert difference(None, None) == {}


@given(workflows, workflows)
def test_documents_differ_exactly_where_their_digests_do(one: Definition, other: Definition) -> None:
    same = wire.digest(compiler.document_of(one)) == wire.digest(compiler.document_of(other))
    assert (difference(one, other) == {}) is same
    assert difference(one, one) == {}


@pytest.fixture
def workflow(db: None) -> Workflow:
    """A workflow with two numbered versions."""
    workflow = definitions.create(a_plan(a_line(), a_line("keep", "draw", args=("{{ results.draw }}",))))
    revisions.number()
    definitions.update(workflow.pk, a_plan(title="Changed"))
    revisions.number()
    return workflow


def first_of(workflow: Workflow) -> WorkflowVersion:
    return workflow.versions.order_by("revision")[0]


def test_going_back_is_a_new_version_that_says_so(workflow: Workflow, admin_user: User) -> None:
    first = first_of(workflow)
    assert first.revision is not None
    versions.rollback(workflow, first.revision, user=admin_user)

    newest = workflow.versions.latest("id")
    assert (newest.digest, newest.author) == (first.digest, admin_user)
    assert newest.comment == f"Rolled back to revision {first.revision}."
    assert definitions.definition_of(workflow.pk).title == "Shop"
    versions.rollback(workflow, first.revision, user=admin_user)
    assert workflow.versions.count() == 3


def test_what_has_become_impossible_is_not_gone_back_to(workflow: Workflow) -> None:
    first = first_of(workflow)
    first.document["steps"][0]["task"] = "shop.tasks.gone"
    first.save()
    with pytest.raises(InvalidWorkflow, match=r"steps\.0\.task"):
        versions.rollback(workflow, first.revision or 0)
    assert definitions.definition_of(workflow.pk).title == "Changed"


def test_there_must_be_something_to_go_back_to(workflow: Workflow) -> None:
    with pytest.raises(InvalidWorkflow, match="has no revision 999999"):
        versions.rollback(workflow, 999_999)
    definitions.delete(workflow.pk)
    revisions.number()
    with pytest.raises(InvalidWorkflow, match="retired shop_daily; choose another"):
        versions.rollback(workflow, workflow.versions.latest("id").revision or 0)
    first = first_of(workflow)
    WorkflowVersion.objects.filter(pk=first.pk).update(document={"id": 3})
    with pytest.raises(InvalidWorkflow, match="cannot be read any more"):
        versions.rollback(workflow, first.revision or 0)


def test_a_retired_workflow_comes_back(workflow: Workflow) -> None:
    definitions.delete(workflow.pk)
    restored = versions.rollback(workflow, first_of(workflow).revision or 0)
    assert restored.retired_at is None
    assert definitions.definition_of(workflow.pk).title == "Shop"


def test_another_sources_workflow_is_not_rolled_back(db: None) -> None:
    definition = compiler.compile_workflow(a_plan())
    actions.publish([Plan(source="shop.Report", key="7", id="shop_daily", definition=definition)])
    revisions.number()
    workflow = Workflow.objects.get()
    with pytest.raises(NotEditable, match=r"shop\.Report 7"):
        versions.rollback(workflow, first_of(workflow).revision or 0)


def test_a_run_names_the_version_that_it_began_with(workflow: Workflow) -> None:
    first = first_of(workflow)
    run = WorkflowRun.objects.create(workflow=workflow, run_id="r", revision=first.revision)
    assert versions.used_by(run) == first
    assert versions.used_by(WorkflowRun(workflow=workflow)) is None
