"""Which environment variables count, and what they are called by."""

import pytest

from windsock.errors import WireError
from windsock.started import SINCE
from windsock.warm.origin import Origin, Variables
from windsock.warm.watch import Watch

SECRET = {"DATABASE_URL": "postgres://shop:secret@db/shop"}


def test_a_mark_tells_nothing_of_the_variables() -> None:
    assert "secret" not in repr(Variables.of(SECRET))


def test_a_warm_process_finds_its_mark_and_its_children_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    mark = Variables.of(SECRET)
    for name, value in mark.beside({}).items():
        monkeypatch.setenv(name, value)
    assert Variables.take() == mark
    assert Variables.take() == Variables()


def test_their_order_does_not_matter() -> None:
    one, other = {"A": "1", "B": "2"}, {"B": "2", "A": "1"}
    assert Variables.of(one) == Variables.of(other)
    assert Variables.of(one) != Variables.of({"A": "2", "B": "1"})


def test_a_value_that_is_no_utf_8_counts() -> None:
    assert Variables.of({"A": "\udcff"}).digest != Variables.of({"A": "\udcfe"}).digest


@pytest.mark.parametrize(
    ("digest", "since", "expected"),
    [("b", 2.0, True), ("b", 1.0, False), ("b", 0.5, False), ("a", 2.0, False)],
)
def test_only_others_that_are_newer_replace(digest: str, since: float, expected: bool) -> None:
    assert Variables(digest, since).replace(Variables("a", 1.0)) is expected


def test_a_process_that_was_started_by_hand_keeps_its_own() -> None:
    assert not Variables("b", 2.0).replace(Variables())


def test_it_tells_why_a_new_process_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Origin(Watch(), Variables.of(SECRET))
    assert found.outdated_by({"protocol": 1}) == ""
    newer = {"variables": "others", "since": SINCE + 1}
    assert "other environment variables" in found.outdated_by(newer)
    monkeypatch.setattr(found.watch, "change", lambda: "shop.py")
    assert found.outdated_by(newer) == "shop.py has changed"


@pytest.mark.parametrize("greeting", [{"since": "noon"}, {"variables": 3}])
def test_a_greeting_that_cannot_be_read_is_refused(greeting: dict[str, object]) -> None:
    with pytest.raises(WireError, match="since"):
        Variables.read(greeting)
