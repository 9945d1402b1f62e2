"""The reference in words names what the schema names."""

import re
from pathlib import Path
from typing import Any

from windsock.django.api.schema.operations import REFUSALS

TEXT = (Path(__file__).parents[4] / "docs/reference/rest.md").read_text()


def test_the_table_of_endpoints_is_complete(made: Any) -> None:
    table = set(re.findall(r"^\| `([A-Z]+) (/api/[^`]*)`", TEXT, re.MULTILINE))
    described = {(method.upper(), path) for path, way in made["paths"].items() for method in way}
    assert described - table == set()
    assert {path for _, path in table if "/users/" not in path} - {path for _, path in described} == set()


def test_each_parameter_of_the_list_is_explained(made: Any) -> None:
    parameters = made["paths"]["/api/tasks/"]["get"]["parameters"]
    assert [each["name"] for each in parameters if f"`{each['name']}`" not in TEXT] == []


def test_each_error_is_explained() -> None:
    told = set(re.findall(r"\b[45]\d\d\b", TEXT.partition("## Errors")[2]))
    assert {str(code) for code in REFUSALS} - told == set()
