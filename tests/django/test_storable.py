from typing import Any

import pytest

from windsock.django.storable import clean_text, json_problem


@pytest.mark.parametrize("value", [None, {"a": [1, "é", "😀"]}, "\\u0041"])
def test_json_data_can_be_kept(value: Any) -> None:
    assert json_problem(value, limit=100) == ""


@pytest.mark.parametrize(
    ("value", "reason"),
    [({"a\x00": 1}, "NUL"), (["\ud800"], "surrogate"), ("x" * 99, "101 bytes"), ("é" * 50, "102 bytes")],
)
def test_what_postgresql_refuses_is_told_before(value: Any, reason: str) -> None:
    assert reason in json_problem(value, limit=100)


def test_text_is_made_storable() -> None:
    assert clean_text("a\x00b\ud800") == "a\N{REPLACEMENT CHARACTER}b?"
