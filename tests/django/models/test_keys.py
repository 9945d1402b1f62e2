import time
import uuid
from datetime import UTC, datetime, timedelta

from windsock.django.models.keys import first_key, uuid7


def test_a_key_is_a_version_7_uuid() -> None:
    key = uuid7()

    assert key.version == 7
    assert key.variant == uuid.RFC_4122


def test_a_key_begins_with_its_moment_in_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    key = uuid7()
    after = time.time_ns() // 1_000_000

    assert before <= key.int >> 80 <= after


def test_no_two_of_many_keys_are_equal() -> None:
    assert len({uuid7() for _ in range(10_000)}) == 10_000


def test_a_later_key_is_greater_within_the_same_millisecond_too() -> None:
    keys = [uuid7() for _ in range(10_000)]

    assert keys == sorted(keys)


def test_a_moment_bounds_the_keys_that_come_after_it() -> None:
    now = datetime.now(UTC)
    key = uuid7()

    assert first_key(now) < key < first_key(now + timedelta(minutes=1))
    assert first_key(now).version == 7
