import pytest

from windsock.django.celery.queues import LEVELS, level, queue_name


@pytest.mark.parametrize(("priority", "expected"), [(-100, 0), (-77, 1), (0, 4), (1, 4), (50, 6), (100, 9)])
def test_priorities_fall_on_ten_levels(priority: int, expected: int) -> None:
    assert level(priority, transport="amqp") == expected


def test_redis_counts_the_other_way() -> None:
    assert [level(priority, transport="redis") for priority in (-100, 0, 100)] == [9, 5, 0]


@pytest.mark.parametrize("transport", ["amqp", "redis"])
def test_every_level_is_used_and_no_other(transport: str) -> None:
    assert {level(priority, transport=transport) for priority in range(-100, 101)} == set(range(LEVELS))


def test_our_queues_are_not_those_of_other_apps() -> None:
    assert queue_name("default") == "windsock.default"
