from dataclasses import replace

import pytest

from windsock.django.actions.liveness import Open
from windsock.django.relay.waiting import EACH, LOST_AFTER, MANY, Waiting

VERSION = Open(version=1, workflow="w", revision=1, digest="d", is_tombstone=False)


@pytest.fixture
def item() -> Waiting:
    return Waiting(version=VERSION, since=100.0, look_at=100.0)


def test_a_look_is_due_when_it_was_asked_for_or_has_waited(item: Waiting) -> None:
    assert not item.is_due(101)
    assert item.is_due(103)
    item.asked_at = 100.0
    assert item.is_due(101)


def test_looks_become_seldom(item: Waiting) -> None:
    pauses = []
    for now in (100, 110, 150, 1_000):
        item.look_again(now)
        pauses.append(round(item.look_at - now, 3))
    assert pauses == [0.15, 0.5, 2.5, 5.0]


def test_it_is_asked_for_again_without_news(item: Waiting) -> None:
    assert item.should_ask(100, 0)
    item.asked_at = 100.0
    assert item.is_in_flight(101)
    assert not item.should_ask(101, 0)
    assert item.should_ask(102, 0)
    assert not item.should_ask(102, news_at=101)


def test_a_tombstone_has_time(item: Waiting) -> None:
    item.version = replace(VERSION, is_tombstone=True)
    item.asked_at = 100.0
    assert not item.is_in_flight(101)
    assert not item.should_ask(120, 0)
    assert item.patience == 180


def test_a_crowd_has_the_time_that_it_takes_airflow() -> None:
    few, many = (Waiting(version=VERSION, since=0, look_at=0, crowd=crowd) for crowd in (MANY, 10_000))
    assert (few.is_in_crowd, few.patience) == (False, 10)
    assert (many.is_in_crowd, many.patience) == (True, 10 + 10_000 * EACH)
    many.asked_at = 0.0
    assert not many.should_ask(200, 0)
    many.is_found = True
    assert not many.is_in_crowd


def test_only_what_was_in_force_can_be_gone(item: Waiting) -> None:
    assert not item.is_gone(100 + LOST_AFTER)
    item.version = replace(VERSION, is_lost=True)
    assert not item.is_gone(100)
    assert item.is_gone(100 + LOST_AFTER)
