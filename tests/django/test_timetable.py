import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from windsock.django.timetable import next_times
from windsock.wire import from_json
from windsock.workflow import Schedule

#: What Airflow's own timetables say; ``tests/airflow/golden_times.py`` writes it.
GOLDEN = json.loads((Path(__file__).parents[1] / "timetables" / "golden.json").read_text())
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_the_times_are_those_of_airflow(case: dict[str, Any]) -> None:
    found = next_times(
        from_json(Schedule, case["schedule"]),
        count=case["count"],
        after=datetime.fromisoformat(case["after"]),
        last=datetime.fromisoformat(case["last"]) if "last" in case else None,
    )

    assert [moment.astimezone(UTC).isoformat() for moment in found] == case["times"]


def test_times_are_told_on_the_clocks_of_the_schedule() -> None:
    schedule = Schedule(cron=("30 2 * * *",), start=START, timezone="Europe/Berlin")

    assert [
        str(moment) for moment in next_times(schedule, count=3, after=datetime(2026, 3, 28, tzinfo=UTC))
    ] == [
        "2026-03-28 02:30:00+01:00",
        "2026-03-29 03:30:00+02:00",
        "2026-03-30 02:30:00+02:00",
    ]
    autumn = next_times(schedule, count=2, after=datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert [str(moment) for moment in autumn] == ["2026-10-25 02:30:00+01:00", "2026-10-26 02:30:00+01:00"]


def test_a_manual_workflow_has_no_times() -> None:
    assert next_times(Schedule()) == []
    assert next_times(Schedule(start=START)) == []


def test_by_default_the_next_ten_from_now_are_told() -> None:
    found = next_times(Schedule(cron=("@hourly",), start=START))

    assert len(found) == 10
    assert timedelta(0) < found[0] - datetime.now(UTC) <= timedelta(hours=1)
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(hours=1)}


def test_what_is_owed_since_long_ago_costs_no_time() -> None:
    old = Schedule(cron=("* * * * *",), start=datetime(1971, 1, 1, tzinfo=UTC), catchup=True)

    assert next_times(old, count=1, after=START) == [START + timedelta(minutes=1)]
    seconds = Schedule(every=timedelta(seconds=1), start=datetime(1971, 1, 1, tzinfo=UTC), catchup=True)
    assert next_times(seconds, count=1, after=START) == [START + timedelta(seconds=1)]
