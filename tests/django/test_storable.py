import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windsock.django.storable import (
    clean_text,
    data_problems,
    json_problem,
    strings,
    surely_exceeds,
    text_problem,
)


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


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    short = clean_text("a" + "-" * 1000 + "z", limit=200)

    assert (short[0], short[-1]) == ("a", "z")
    assert " 842 characters " in short
    assert len(short) < 250


@pytest.mark.parametrize(
    "value",
    ["x" * 200, ["x"] * 200, {"x" * 60: "y" * 60}, [[[1] * 50] * 3], {str(key): 1 for key in range(99)}],
)
def test_what_is_surely_too_long(value: Any) -> None:
    assert surely_exceeds(value, 100)


@pytest.mark.parametrize("value", [None, 5, object(), "x" * 90, [1] * 90, {"a": [{"b": "c"}]}])
def test_what_may_fit(value: Any) -> None:
    assert not surely_exceeds(value, 100)


def test_a_circle_is_left_to_json() -> None:
    circle: list[Any] = []
    circle.append(circle)

    assert not surely_exceeds(circle, 10_000)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.integers(0, 50),
)
def test_nothing_that_fits_is_refused(value: Any, limit: int) -> None:
    size = len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))

    assert not (surely_exceeds(value, limit) and size <= limit)


def test_a_text_is_kept_unless_postgresql_refuses_it() -> None:
    assert text_problem("é😀") == ""
    assert "NUL" in text_problem("a\x00")
    assert "surrogate" in text_problem("\ud800")


def test_what_cannot_be_kept_is_told_at_its_part() -> None:
    assert list(data_problems("x", {"a": [1, None, "é"]})) == []
    assert [where for where, _ in data_problems("x", {"a": ["b", "\x00"], "\x00": 1})] == ["x.a.1", "x"]
    [(where, message)] = data_problems("x", {"a": object()})
    assert where == "x"
    assert "not JSON serializable" in message


def test_every_text_has_its_path() -> None:
    value = {"a": ["b", 1, {"c": "d"}]}
    assert list(strings("x", value)) == [("x.a.0", "b"), ("x.a.2.c", "d")]
    assert ("x", "a") in list(strings("x", value, keys=True))
