"""What an end of a step means to Airflow, one test for each row of the design's table.

Mapping over a result, assets and conditions are not there yet.
"""

from tests.airflow.coordinator.conftest import Bench
from tests.airflow.coordinator.test_runtime import IDENTITY


def test_a_list_result_is_mapped_length(bench: Bench) -> None:
    bench.supervise("numbers")
    assert bench.api.pushed == [("numbers", {"mapped_length": "3"}, [1, 2, 3])]


def test_skip_is_skipped(bench: Bench) -> None:
    bench.supervise("skip")
    assert [state["state"] for state in bench.api.states] == ["skipped"]


def test_back_off_is_the_schedulers_delay(bench: Bench) -> None:
    bench.api.should_retry = True
    bench.supervise("boom", attempt=3)
    [state] = bench.api.states
    assert (state["state"], state["retry_delay_seconds"]) == ("up_for_retry", 40.0)


def test_fail_without_retry_is_failed(bench: Bench) -> None:
    bench.api.should_retry = True
    bench.supervise("give_up")
    assert [state["state"] for state in bench.api.states] == ["failed"]


def test_a_time_limit_by_the_coordinators_clock_kills_the_group_and_allows_a_retry(bench: Bench) -> None:
    bench.api.should_retry = True
    bench.supervise("hang_limited")
    bench.assert_gone()
    assert [state["state"] for state in bench.api.states] == ["up_for_retry"]
    lost = {"step": "hang_limited", "reason": "time limit of 1.5 s", "output": ""}
    assert bench.lost() == IDENTITY | lost
    assert any("The time limit of 1.5 s was reached" in line["event"] for line in bench.log())


def test_a_lost_succeed_is_no_second_execution(bench: Bench) -> None:
    bench.api.lose = 1
    bench.api.should_retry = True
    bench.supervise("value")
    assert [state["state"] for state in bench.api.states] == ["success", "success"]
    assert len(bench.calls()) == 1
