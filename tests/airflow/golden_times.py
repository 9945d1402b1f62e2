"""When Airflow's own timetables start runs; ``python -m tests.airflow.golden_times`` writes the golden file.

The Django side reads the same file in ``tests/django/test_timetable.py``.
"""

import json
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import DagRunInfo, DataInterval
from pendulum import instance
from tests.airflow.plans import plan

from windsock.airflow.dag import build
from windsock.wire import from_json
from windsock.workflow import Schedule

FILE = Path(__file__).parents[1] / "timetables" / "golden.json"


def cases() -> list[dict[str, Any]]:
    """Every case: a schedule, from when on, what ran last, and the times that come."""
    found: list[dict[str, Any]] = json.loads(FILE.read_text())
    return found


def times(case: dict[str, Any]) -> list[str]:
    """Let Airflow's timetable tell the times of a case, as the scheduler asks it."""
    schedule = from_json(Schedule, case["schedule"])
    dag = build(plan("w", schedule=schedule), revision=1, digest="d")
    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    after = now = datetime.fromisoformat(case["after"])
    last, found = _last(stored.timetable, schedule, case.get("last")), list[str]()
    while len(found) < case["count"]:
        with _clock_at(now):
            info = stored.timetable.next_dagrun_info_v2(
                last_dagrun_info=last, restriction=stored._time_restriction
            )
        if info is None:
            break
        last, now = info, max(now, info.run_after)
        if info.run_after > after:
            found.append(info.run_after.astimezone(UTC).isoformat())
    return found


def _last(timetable: Any, schedule: Schedule, date: str | None) -> DagRunInfo | None:
    if date is None:
        return None
    start = instance(datetime.fromisoformat(date)).in_timezone("UTC")
    if schedule.once or len(schedule.cron) > 1:
        return DagRunInfo.exact(start)
    interval = DataInterval(start, timetable._get_next(start))
    return DagRunInfo.interval(interval.start, interval.end)


def _clock_at(now: datetime) -> ExitStack:
    stack = ExitStack()
    for module in ("interval", "trigger"):
        stack.enter_context(patch(f"airflow.timetables.{module}.utcnow", lambda: now))
    stack.enter_context(patch("airflow.timetables.trigger.time.time", now.timestamp))
    return stack


def main() -> None:
    """Write the times of every case into the golden file."""
    found = [{**case, "times": times(case)} for case in cases()]
    FILE.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
