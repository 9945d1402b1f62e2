from datetime import UTC, datetime, timedelta

import pytest

from windsock.django.models import Workflow
from windsock.django.pages import words

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "revision", "tone"),
    [
        ({"live_revision": 3}, 3, "live"),
        ({"live_revision": 2}, 3, "waiting"),
        ({}, None, "waiting"),
        ({"live_revision": 3, "is_paused": True}, 3, "paused"),
        ({"live_revision": 3, "is_paused": True, "problem": "no"}, 3, "problem"),
    ],
)
def test_a_problem_says_more_than_a_pause_and_a_pause_more_than_the_revision(
    fields: dict[str, object], revision: int | None, tone: str
) -> None:
    assert words.state(Workflow(**fields), revision).tone == tone


@pytest.mark.parametrize(
    ("plan", "words_"),
    [
        (None, "On request"),
        ({}, "On request"),
        ({"once": True}, "Once"),
        ({"cron": ["@hourly"]}, "Hourly"),
        ({"cron": ["0 6 * * *", "@daily"]}, "0 6 * * *, Daily"),
        ({"every_seconds": 90.0}, "Every 1 min 30 s"),
    ],
)
def test_a_schedule_is_put_into_words(plan: dict[str, object] | None, words_: str) -> None:
    assert words.schedule(plan) == words_


@pytest.mark.parametrize(
    ("seconds", "words_"),
    [
        (-3, "just now"),
        (4, "just now"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (7_199, "1 h ago"),
        (90_000, "1 d ago"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(seconds: int, words_: str) -> None:
    assert words.ago(NOW - timedelta(seconds=seconds), NOW) == words_


def test_what_has_no_time_has_no_words() -> None:
    assert words.ago(None, NOW) == ""
    assert words.duration(None) == ""


@pytest.mark.parametrize(
    ("seconds", "words_"),
    [
        (-1, "0 ms"),
        (0.0421, "42 ms"),
        (1.26, "1.3 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3_700, "1 h 1 min"),
        (180_000, "2 d 2 h"),
    ],
)
def test_a_duration_is_told_in_two_units(seconds: float, words_: str) -> None:
    assert words.duration(timedelta(seconds=seconds)) == words_


@pytest.mark.parametrize(("seconds", "words_"), [(-1, "0 s"), (12.8, "12 s"), (125, "2 min 5 s")])
def test_what_still_runs_is_told_in_whole_seconds(seconds: float, words_: str) -> None:
    assert words.elapsed(timedelta(seconds=seconds)) == words_
