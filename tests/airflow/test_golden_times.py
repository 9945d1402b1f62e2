from typing import Any

import pytest
from tests.airflow.golden_times import cases, times


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_airflows_timetables_tell_the_golden_times(case: dict[str, Any]) -> None:
    assert times(case) == case["times"]
