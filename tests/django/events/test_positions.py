from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from windsock.django.events.positions import FIRST, LAST, START, Position, not_before

AT = datetime(2026, 11, 21, 10, 0, 0, 123457, tzinfo=UTC)


@pytest.mark.parametrize("horizon", [None, 0, 4711, 2**32 - 1])
def test_a_position_is_read_as_it_was_written(horizon: int | None) -> None:
    position = Position(AT, uuid4(), horizon)
    again = Position.parse(str(position))
    assert again == position
    assert again.horizon == horizon


def test_it_is_written_as_microseconds_and_key() -> None:
    key = UUID("01a1fda0-9c08-7300-8cfa-91734673bd33")
    assert str(Position(AT, key)) == f"1795255200123457-{key}"


def test_the_order_is_that_of_the_time_then_of_the_key() -> None:
    later = Position(AT + timedelta(microseconds=1), FIRST)
    assert START < Position(AT, FIRST) < Position(AT, LAST) < later
    assert Position(AT, FIRST, 1) == Position(AT, FIRST, 2)


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "1-2", "x-01a1fda0-9c08-7300-8cfa-91734673bd33", f"-1-{FIRST}", f"1-{FIRST}-x"),
        *(f"1-{FIRST} ", f"{'9' * 17}-{FIRST}", f"1-{FIRST}\n", f"1-{FIRST}-{'9' * 11}", f"\uff11-{FIRST}"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the id of an event"):
        Position.parse(text)


def test_a_horizon_beyond_32_bits_goes_round() -> None:
    assert Position.parse(f"1-{FIRST}-{2**32 + 5}").horizon == 5


@pytest.mark.parametrize(
    ("transaction", "horizon", "expected"),
    [
        *((5, 5, True), (6, 5, True), (4, 5, False), (3, 2**32 - 2, True)),
        *((2**32 - 3, 2**32 - 2, False), (2**32 - 1, 2, False)),
    ],
)
def test_the_numbers_of_transactions_go_round(transaction: int, horizon: int, expected: bool) -> None:
    assert not_before(transaction, horizon) is expected
