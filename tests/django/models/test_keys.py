import time
import uuid

from windsock.django.models.keys import uuid7


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
