import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from tests.django.plans import a_line, a_plan

from windsock.django.actions import definitions
from windsock.django.models import StepDefinition, WorkflowDefinition

pytestmark = pytest.mark.django_db


def test_a_step_name_is_used_once_in_a_workflow() -> None:
    definitions.create(a_plan())
    definitions.create(a_plan(id="other"))
    row = WorkflowDefinition.objects.get(pk="other")

    with pytest.raises(IntegrityError), transaction.atomic():
        StepDefinition.objects.create(workflow=row, name="draw", task="shop.tasks.draw")


def test_steps_come_in_their_order() -> None:
    definitions.create(a_plan(a_line("z"), a_line("a", "z"), a_line("m", "a")))
    row = WorkflowDefinition.objects.get()

    assert [str(step) for step in row.steps.all()] == ["z", "a", "m"]
    assert str(row) == "Shop"


def test_a_workflow_outlives_whoever_changed_it(admin_user: User) -> None:
    definitions.create(a_plan(), user=admin_user)
    admin_user.delete()

    assert WorkflowDefinition.objects.get().updated_by is None
