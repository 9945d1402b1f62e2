from typing import Any

import pytest
from tests.django.admin.forms_filled import filled
from tests.django.plans import a_plan

from windsock.django.actions import definitions
from windsock.django.admin.definition_form import WorkflowForm
from windsock.django.models import Workflow, WorkflowDefinition

pytestmark = pytest.mark.django_db
SPLIT = {"start": "2026-01-01 00:00", "end": ""}


def errors(instance: WorkflowDefinition | None = None, **changes: str) -> dict[str, Any]:
    form = WorkflowForm(filled(**SPLIT | changes), instance=instance)
    return {name: " ".join(messages) for name, messages in form.errors.items()}


def test_a_sound_form_has_no_errors() -> None:
    assert errors() == {}


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"cron": "@daily\n61 * * * *"}, "cron", "'61 * * * *' is not a cron expression"),
        ({"cron": ""}, "cron", "five fields"),
        ({"schedule": "every", "every": "0:00:00.5"}, "every", "second"),
        ({"schedule": "every"}, "every", "second"),
        ({"start": ""}, "start", "needs a start"),
        ({"end": "2025-01-01 00:00"}, "end", "before the start"),
        ({"timezone": "Nowhere"}, "timezone", "valid choice"),
        ({"id": "two words"}, "id", "letters, digits"),
        ({"max_active_runs": "1001"}, "max_active_runs", "between 1 and 1000"),
        ({"notify": "ann"}, "notify", "not an e-mail address"),
        ({"params": "{"}, "params", "valid JSON"),
        ({"params": "[1]"}, "params", "JSON object"),
        ({"params": '{"day": {"schema": 1}}'}, "params", "day.schema: expected an object"),
        ({"params": '{"day": {"defualt": 1}}'}, "params", "day.defualt: is not one of"),
        ({"params": '{"no name": {}}'}, "params", "no name: the name must be"),
        (
            {"params": '{"day": {"default": 1, "schema": {"type": "string"}}}'},
            "params",
            "is not of type",
        ),
    ],
)
def test_a_problem_is_told_at_its_field(changes: dict[str, str], field: str, message: str) -> None:
    found = errors(**changes)
    assert list(found) == [field]
    assert message in found[field]


def test_the_id_of_another_row_is_refused() -> None:
    Workflow.objects.create(id="shop_daily", source="shop.Report", source_key="7")
    assert "is the workflow of shop.Report 7" in errors()["id"]


def test_a_form_that_saw_something_else_is_refused() -> None:
    definitions.create(a_plan())
    row = WorkflowDefinition.objects.get()
    assert WorkflowForm(instance=row)["seen"].initial == row.updated_at.isoformat()
    assert errors(row, id="", seen="2026-01-01T00:00:00+00:00")["seen"].startswith("Somebody changed this")


def test_a_new_form_has_the_zone_of_the_model() -> None:
    assert '<option value="UTC" selected>' in str(WorkflowForm()["timezone"])


def test_an_unknown_zone_of_the_row_can_still_be_seen() -> None:
    definitions.create(a_plan())
    WorkflowDefinition.objects.update(timezone="Nowhere")
    form = WorkflowForm(instance=WorkflowDefinition.objects.get())
    assert '<option value="Nowhere" selected>' in str(form["timezone"])
