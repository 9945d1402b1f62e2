from typing import Any

import pytest
from tests.django import keyed_jobs

from windsock.django import arguments


def function(context: Any, a: int, /, b: int = 2, *rest: int, c: int, d: int = 4, **others: int) -> None:
    return None


SIGNATURE = arguments.signature_of(function, True)


def test_the_context_is_no_argument() -> None:
    assert list(SIGNATURE.parameters) == ["a", "b", "rest", "c", "d", "others"]
    assert arguments.single(SIGNATURE) == {"a", "b", "c", "d"}
    assert arguments.takes_any_name(SIGNATURE)


def test_values_are_found_however_they_are_passed() -> None:
    signature = arguments.signature_of(keyed_jobs.sync.func, False)

    assert not arguments.takes_any_name(signature)
    assert arguments.bound(signature, ("folder", "speed"), ("x",), {}) == {"folder": "x", "speed": 1}
    assert arguments.bound(signature, ("folder",), (), {"speed": 2, "folder": "x"}) == {"folder": "x"}
    with pytest.raises(TypeError):
        arguments.bound(signature, ("folder",), (), {})


def test_defaults_are_those_that_there_are() -> None:
    assert arguments.defaults(SIGNATURE, ("a", "b", "d")) == {"b": 2, "d": 4}


@pytest.mark.parametrize(
    ("names", "count", "expected"),
    [
        (("b",), 1, []),
        (("a", "b"), 2, [0, 1]),
        (("rest",), 5, [2, 3, 4]),
        (("rest",), 2, []),
        (("c", "others", "nothing"), 5, []),
    ],
)
def test_places_are_those_of_positional_arguments(
    names: tuple[str, ...], count: int, expected: list[int]
) -> None:
    assert arguments.places(SIGNATURE, names, count) == expected
