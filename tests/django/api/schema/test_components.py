"""The forms accept what the code answers, and nothing that has a key more or less."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from jsonschema_rs import ValidationError, validator_for

from windsock.django.api.schema.components import COMPONENTS
from windsock.django.api.tasks import task_json
from windsock.django.models import TaskRun
from windsock.run import Status

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = UUID("01890000-0000-7000-8000-000000000000")


def check(form: str, value: Any) -> None:
    schema = {"$ref": f"#/components/schemas/{form}", "components": {"schemas": COMPONENTS}}
    validator_for(schema, validate_formats=True).validate(value)


def task(status: Status, **fields: Any) -> dict[str, Any]:
    return task_json(TaskRun(id=ID, name="add", status=status, created_at=NOW, updated_at=NOW, **fields))


@pytest.mark.parametrize("status", Status)
def test_a_task_has_the_form_of_its_status(status: Status) -> None:
    shown = task(status, progress=40, message="so")
    check("TrackedTask", shown)
    check(f"{status.value.title()}Task", shown)


@pytest.mark.parametrize(
    "result", [None, 3, "text", [1], {}, {"success": True, "user_id": "1", "progress": "x"}]
)
def test_a_result_may_be_anything(result: Any) -> None:
    check("TrackedTask", task(Status.DONE, progress=100, result=result, related_id="1", operation="READ"))


def test_a_failure_tells_its_errors() -> None:
    check("TrackedTask", task(Status.FAILED, result={"errors": {"email": ["This value is already taken."]}}))


@pytest.mark.parametrize("status", Status)
def test_a_task_of_another_form_is_refused(status: Status) -> None:
    shown = task(status, progress=40)
    for wrong in (
        shown | {"more": 1},
        shown | {"id": "1"},
        shown | {"created_at": "yesterday"},
        shown | {"result": {}},
        shown | {"progress": 101},
        shown | {"operation": "LIST"},
        {name: value for name, value in shown.items() if name != "related_id"},
    ):
        with pytest.raises(ValidationError):
            check("TrackedTask", wrong)


def test_what_waits_shows_no_progress() -> None:
    waiting = task(Status.PENDING) | {"result": {"progress": 10}}
    with pytest.raises(ValidationError):
        check("TrackedTask", waiting)


@pytest.mark.parametrize(
    "errors",
    [
        {"email": ["Enter a valid email address."]},
        {"rows": {"0": {"name": ["This field is required."]}}},
        {"params": ["Give an object of param names and values."], "non_field_errors": ["No."]},
    ],
)
def test_errors_by_field_are_told_from_a_refusal(errors: Any) -> None:
    check("FieldProblems", errors)
    with pytest.raises(ValidationError):
        check("Problem", errors)
    with pytest.raises(ValidationError):
        check("FieldProblems", {"detail": "Not found."})
