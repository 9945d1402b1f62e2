import pytest
from tests.django.plans import a_line, a_plan

from windsock.django import definition_rows, sources
from windsock.django.actions import definitions
from windsock.django.models import StepDefinition, Workflow, WorkflowDefinition, WorkflowVersion

pytestmark = pytest.mark.django_db


def test_the_app_registers_the_source_of_editable_workflows() -> None:
    assert "windsock" in sources.sources()


def test_publishing_everything_finds_nothing_to_do_after_an_edit() -> None:
    definitions.create(a_plan(a_line(kwargs={"a": 1e16, "b": -0.0})))
    summary = sources.publish_all(["windsock"])

    assert (summary.rows, summary.versions, summary.retired) == (1, 0, 0)


def test_rows_that_were_written_past_the_actions_are_published_by_the_sweep() -> None:
    row, lines = definition_rows.rows_of(a_plan())
    WorkflowDefinition.objects.bulk_create([row])
    StepDefinition.objects.bulk_create(lines)

    assert sources.publish_all(["windsock"]).versions == 1
    StepDefinition.objects.update(pool="shop")
    assert sources.publish_all(["windsock"]).versions == 1
    WorkflowDefinition.objects.all().delete()
    assert Workflow.objects.get().retired_at is not None


def test_a_row_that_cannot_be_read_is_reported_on_its_workflow() -> None:
    definitions.create(a_plan())
    WorkflowDefinition.objects.update(params={"day": {"schema": 1}})
    summary = sources.publish_all(["windsock"])

    assert len(summary.refused) == 1
    assert "params.day.schema" in Workflow.objects.get().problem
    assert WorkflowVersion.objects.count() == 1
