"""The reference in words names what the schema names."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import validator_for

from windsock import wire
from windsock.django.api.documents import read
from windsock.django.api.operating import BackfillBody, ClearBody, MarkBody
from windsock.django.api.schema.components import COMPONENTS
from windsock.django.api.schema.operations import REFUSALS
from windsock.workflow import Workflow

TEXT = (Path(__file__).parents[4] / "docs/reference/rest.md").read_text()


def test_the_table_of_endpoints_is_complete(made: Any) -> None:
    table = set(re.findall(r"^\| `([A-Z]+) (/api/[^`]*)`", TEXT, re.MULTILINE))
    described = {(method.upper(), path) for path, way in made["paths"].items() for method in way}
    assert described - table == set()
    assert {path for _, path in table if "/users/" not in path} - {path for _, path in described} == set()


@pytest.mark.parametrize("path", ["/api/tasks/", "/api/workflows/", "/api/runs/"])
def test_each_parameter_of_a_list_is_explained(made: Any, path: str) -> None:
    parameters = made["paths"][path]["get"]["parameters"]
    assert [each["name"] for each in parameters if f"`{each['name']}`" not in TEXT] == []


@pytest.mark.parametrize("kind", [BackfillBody, ClearBody, MarkBody])
def test_each_key_of_a_body_is_explained(kind: type) -> None:
    assert [key for key in wire.keys(kind) if not re.search(rf"[`\"]{key}[`\"]", TEXT)] == []


def test_the_definition_that_is_shown_can_be_sent() -> None:
    [shown] = [block for block in blocks() if "steps" in block]
    assert wire.to_json(read(Workflow, shown))["steps"] == shown["steps"]


@pytest.mark.parametrize("form", ["Workflow", "WorkflowVersion", "WorkflowDifference"])
def test_an_answer_that_is_shown_has_its_form(form: str) -> None:
    schema = {"$ref": f"#/components/schemas/{form}", "components": {"schemas": COMPONENTS}}
    validator = validator_for(schema, validate_formats=True)
    assert [block for block in blocks() if validator.is_valid(block)]


def blocks() -> list[dict[str, Any]]:
    """The JSON that the page shows."""
    return [json.loads(text) for text in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]


def test_each_error_is_explained() -> None:
    told = set(re.findall(r"\b[45]\d\d\b", TEXT.partition("## Errors")[2]))
    assert {str(code) for code in REFUSALS} - told == set()
