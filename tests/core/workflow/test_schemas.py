from typing import Any

import pytest

from windsock.workflow.schemas import DIALECT, problems, references


def test_a_schema_may_refer_to_itself() -> None:
    schema = {"$schema": DIALECT, "$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}}
    assert list(problems(schema)) == []
    assert list(references(schema)) == [("items.$ref", "#/$defs/n")]


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"$ref": "http://169.254.169.254/latest"}, "$ref"),
        ({"anyOf": [{"properties": {"a": {"$ref": "file:///etc/passwd"}}}]}, "anyOf.0.properties.a.$ref"),
        ({"not": {"$dynamicRef": "other.json#x"}}, "not.$dynamicRef"),
        ({"$schema": "http://elsewhere/"}, "$schema"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "$schema"),
    ],
)
def test_what_points_out_of_the_document_is_told_at_its_place(schema: dict[str, Any], path: str) -> None:
    [(where, message)] = problems(schema)
    assert where == path
    assert "points out of the document" in message
