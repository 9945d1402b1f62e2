from typing import Any

import pytest

from windsock import wire
from windsock.django import params
from windsock.workflow import Param

DAY = Param(default="mon", schema={"type": "string", "enum": ["mon", "tue"]})
COUNT = Param(schema={"type": "integer", "minimum": 1})
NOTE = Param(schema={"type": ["string", "null"]})
DOCUMENT = {"params": {"day": wire.to_json(DAY), "count": wire.to_json(COUNT), "note": wire.to_json(NOTE)}}


def wrong(schema: dict[str, Any], default: Any = None, *, is_manual: bool = True) -> dict[str, str]:
    return dict(params.definition_problems("p", Param(default=default, schema=schema), is_manual=is_manual))


def refused(**given: Any) -> dict[str, str]:
    return dict(params.problems(DOCUMENT, given))


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"type": "whole"}, "schema.type"),
        ({"pattern": "("}, "schema.pattern"),
        ({"properties": {"a": {"minimum": "1"}}}, "schema.properties.a.minimum"),
        ({"$ref": "http://169.254.169.254/latest"}, "schema.$ref"),
        ({"items": {"$ref": "#/$defs/none"}}, "schema.items.$ref"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "schema.$schema"),
        ({"default": 3}, "schema.default"),
        ({"const": float("nan")}, "schema"),
        ({"title": "a\x00"}, "schema.title"),
    ],
)
def test_a_schema_that_cannot_be_used_is_told_at_its_place(schema: dict[str, Any], field: str) -> None:
    assert list(wrong(schema)) == [f"params.p.{field}"]


@pytest.mark.parametrize(
    ("schema", "default", "field"),
    [
        ({"type": "integer"}, "3", "default"),
        ({"type": "integer"}, True, "default"),
        ({"enum": ["a"]}, "b", "default"),
        ({"properties": {"a": {"items": {"maximum": 3}}}}, {"a": [1, 5]}, "default.a.1"),
        ({"type": "string", "format": "date"}, "2026-02-30", "default"),
        ({"type": "string", "format": "date-time"}, "2026-02-03 04:05", "default"),
        ({"type": "string", "format": "date-time"}, "2026-02-30T04:05:06Z", "default"),
        ({"type": "string", "format": "email"}, "ada", "default"),
        ({"type": "string", "format": "duration"}, "P", "default"),
        ({"type": "string", "format": "duration"}, "P1DT", "default"),
        ({"type": "string", "format": "duration"}, "1 day", "default"),
        ({"$ref": "#"}, 1, "default"),
        ({}, "a\x00", "default"),
    ],
)
def test_a_default_must_fit_its_schema(schema: dict[str, Any], default: Any, field: str) -> None:
    assert list(wrong(schema, default)) == [f"params.p.{field}"]


@pytest.mark.parametrize(
    ("schema", "default"),
    [
        ({}, {"any": ["thing"]}),
        ({"type": "string", "format": "date-time"}, "2026-02-03T04:05:06.7+01:00"),
        ({"type": "string", "format": "duration"}, "P1DT2H30M"),
        ({"type": "string", "format": "duration"}, "P3W"),
        ({"type": "string", "format": "multiline"}, "a\nb"),
        ({"type": "integer", "default": 3}, 3),
        ({"$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}}, [1, 2]),
        ({"$id": "https://example.com/a", "$defs": {"n": {}}, "$ref": "#/$defs/n"}, 1),
    ],
)
def test_a_sound_param_is_taken(schema: dict[str, Any], default: Any) -> None:
    assert wrong(schema, default, is_manual=False) == {}


@pytest.mark.parametrize(
    ("schema", "needed"),
    [
        ({"type": "integer"}, True),
        ({"enum": ["a", "b"]}, True),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, True),
        ({"const": 1}, True),
        ({"type": ["string", "null"]}, False),
        ({"enum": ["a", None]}, False),
        ({}, False),
    ],
)
def test_what_allows_no_null_and_has_no_default_is_needed(schema: dict[str, Any], needed: bool) -> None:
    assert params.is_required(Param(schema=schema)) is needed
    assert wrong(schema) == {}
    assert list(wrong(schema, is_manual=False)) == (["params.p.default"] if needed else [])
    assert not params.is_required(Param(default="a", schema=schema))


def test_what_is_given_is_checked_by_name() -> None:
    assert refused(count=1) == {}
    assert refused(count=1, day="tue", note=None) == {}
    assert refused(count=0, day="sun", week=3) == {
        "params.week": "there is no such param; known are day, count, note",
        "params.day": "'sun' is not one of ['mon', 'tue']",
        "params.count": "0 is less than the minimum of 1",
    }


def test_a_needed_param_must_be_given() -> None:
    assert refused() == {"params.count": "must be given: it has no default"}
    assert list(refused(count=None)) == ["params.count"]


def test_values_must_be_such_as_can_be_kept() -> None:
    assert "NUL" in refused(count=1, note="a\x00")["params.note"]
    assert list(refused(count=object())) == ["params.count"]


def test_a_workflow_without_params_takes_none() -> None:
    assert params.problems({}, {}) == []
    assert params.problems({}, {"a": 1}) == [("params.a", "there is no such param; it has none")]


def test_what_is_not_given_has_its_default() -> None:
    assert params.merged(DOCUMENT, {"count": 3}) == {"day": "mon", "count": 3, "note": None}


def test_a_version_that_was_published_with_a_schema_of_another_time_says_so() -> None:
    old = {"params": {"p": {"schema": {"type": "whole"}}}}
    assert "is not sound" in dict(params.problems(old, {"p": 1}))["params.p"]
    assert params.problems(old, {}) == []


def test_a_long_message_is_cut_short() -> None:
    assert len(wrong({"type": "integer"}, "x" * 10_000)["params.p.default"]) < 400
