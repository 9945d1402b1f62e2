from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest
from jsonschema_rs import validator_for

from windsock import wire
from windsock.django.api.schema.components import COMPONENTS
from windsock.django.api.schema.documents import NAMES, changed, form_of, forms
from windsock.testing import a_step, a_workflow
from windsock.workflow import Param, Retry, Schedule, Step, Workflow


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True, kw_only=True)
class Inner:
    """What is inside."""

    name: str  #: its name


@dataclass(frozen=True, kw_only=True)
class Form:
    """What is asked."""

    inner: Inner
    colour: Colour = Colour.RED  #: of it, ``RED``
    several: tuple[int, ...] = field(default_factory=tuple)


def is_sound(document: Any) -> bool:
    schema = {"$ref": "#/components/schemas/WorkflowDocument", "components": {"schemas": COMPONENTS}}
    return validator_for(schema, validate_formats=True).is_valid(document)


def test_the_forms_have_the_fields_of_the_core() -> None:
    for kind, name in NAMES.items():
        assert list(forms()[name]["properties"]) == list(wire.keys(kind))


def test_what_the_wire_writes_has_the_form() -> None:
    workflow = a_workflow(
        steps=(a_step(name="a", args=(1, None)), a_step(name="b", after=("a",), retry=Retry(limit=1))),
        schedule=Schedule(cron=("@daily",)),
        params={"day": Param(default=[1])},
    )
    assert is_sound(wire.to_json(workflow))


@pytest.mark.parametrize(
    "wrong",
    [{"id": 1}, {"titel": ""}, {"steps": [{"name": "a"}]}, {"schedule": {"start": "x"}}, {"tags": [1]}],
)
def test_what_is_wrong_has_it_not(wrong: dict[str, Any]) -> None:
    assert not is_sound({"id": "a"} | wrong)


def test_fields_are_described_where_they_are_declared() -> None:
    step = form_of(Step)
    assert step["properties"]["after"]["description"] == "Names of steps."
    assert step["properties"]["trigger_rule"]["default"] == "all_success"
    assert form_of(Retry)["properties"]["delay_seconds"]["default"] == 30
    assert form_of(Schedule)["properties"]["end"]["type"] == ["string", "null"]


def test_other_forms_are_written_out() -> None:
    form = form_of(Form)
    assert form["required"] == ["inner"]
    assert form["properties"]["inner"]["properties"]["name"]["description"] == "Its name."
    assert form["properties"]["colour"] == {
        "type": "string",
        "enum": ["red"],
        "description": "Of it, `RED`.",
        "default": "red",
    }
    assert form["properties"]["several"]["type"] == "array"


def test_without_the_source_there_are_no_descriptions() -> None:
    namespace: dict[str, Any] = {}
    exec("from dataclasses import dataclass\n@dataclass\nclass Bare:\n    a: int = 1", namespace)
    assert "description" not in form_of(namespace["Bare"])["properties"]["a"]


def test_a_change_needs_no_key() -> None:
    assert "required" not in changed(form_of(Workflow))
    assert form_of(Workflow)["required"] == ["id"]
