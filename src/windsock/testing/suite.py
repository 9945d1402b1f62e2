"""The suite that every Transport passes; subclass it and say how to make yours."""

# ruff: noqa: D102, S101 - these are tests, though shipped: their names say the rule

import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from windsock.call import Call, Outcome
from windsock.transport import Transport

_SAMPLES = "windsock.testing.samples"


class TransportSuite:
    """A transport's contract, as tests that pytest collects from a subclass."""

    def make_transport(self) -> Transport:
        """Return the transport under test."""
        raise NotImplementedError

    def run_sample(self, sample: str, *args: Any, timeout: timedelta | None = None, **kwargs: Any) -> Outcome:
        """Send a call of one of ``windsock.testing.samples``."""
        call = Call(function=f"{_SAMPLES}.{sample}", args=args, kwargs=kwargs)
        return self.make_transport().send(call, timeout=timeout)

    def test_arguments_go_in_and_the_value_comes_out(self) -> None:
        outcome = self.run_sample("echo", 1, "ü", [None, {"a": 0.5}], key={"nested": [True]})
        assert outcome.succeeded
        assert outcome.value == {"args": [1, "ü", [None, {"a": 0.5}]], "kwargs": {"key": {"nested": [True]}}}

    def test_a_failure_carries_type_message_and_traceback(self) -> None:
        failure = self.run_sample("boom", "so it goes").failure
        assert failure is not None
        assert (failure.exception, failure.message) == ("builtins.ValueError", "so it goes")
        assert "in boom" in failure.traceback
        assert "raise ValueError(message)" in failure.traceback
        assert failure.retry

    def test_a_failure_can_forbid_another_try(self) -> None:
        failure = self.run_sample("fail_for_good").failure
        assert failure is not None
        assert not failure.retry

    def test_a_skip_is_no_failure(self) -> None:
        outcome = self.run_sample("skip")
        assert (outcome.skipped, outcome.message, outcome.failure) == (True, "nothing to do", None)

    def test_an_unknown_function_is_a_failure(self) -> None:
        failure = self.run_sample("nonsense").failure
        assert failure is not None
        assert failure.exception == "builtins.ImportError"

    def test_a_result_that_json_cannot_hold_is_a_failure_with_advice(self) -> None:
        failure = self.run_sample("unjsonable").failure
        assert failure is not None
        assert "return dicts, lists, strings" in failure.message

    def test_a_result_of_a_megabyte_comes_through(self) -> None:
        assert self.run_sample("large", 2**20).value == "x" * 2**20

    def test_what_the_function_prints_is_not_taken_for_the_outcome(self) -> None:
        assert self.run_sample("chatter").value == "said"


class IsolatedTransportSuite(TransportSuite):
    """The contract of a transport that runs each call in a process of its own."""

    def test_the_call_runs_in_another_process_that_leads_its_group(self) -> None:
        found = self.run_sample("identity").value
        assert found["pid"] not in (os.getpid(), 0)
        assert found["group"] == found["pid"]

    def test_a_hard_exit_names_its_status(self) -> None:
        self._assert_lost(self.run_sample("leave_hard", 3), "ended with exit status 3")

    def test_a_clean_exit_without_a_value_is_no_success(self) -> None:
        self._assert_lost(self.run_sample("leave", 0), "ended with exit status 0")

    def test_death_by_a_signal_names_it(self) -> None:
        self._assert_lost(self.run_sample("kill_self"), "killed by SIGKILL")

    def test_a_time_limit_ends_the_whole_group(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            pids = Path(folder, "pids")
            outcome = self.run_sample("hang", str(pids), deaf=True, timeout=timedelta(seconds=1.5))
            assert outcome.failure is not None
            assert outcome.failure.exception == "windsock.errors.TimedOut"
            assert "1.5 s" in outcome.failure.message
            _assert_gone(pids)

    def test_a_grandchild_does_not_outlive_the_call(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            pids = Path(folder, "pids")
            assert self.run_sample("leave_grandchild", str(pids)).value == "left"
            _assert_gone(pids)

    def test_a_grandchild_in_a_session_of_its_own_does_not_outlive_the_call(self) -> None:
        if sys.platform != "linux":
            return  # no other system tells a process of its orphans
        with tempfile.TemporaryDirectory() as folder:
            pids = Path(folder, "pids")
            assert self.run_sample("leave_grandchild", str(pids), apart=True).value == "left"
            _assert_gone(pids)

    def test_a_thread_that_is_left_holds_nothing_up(self) -> None:
        assert self.run_sample("leave_thread", timeout=timedelta(seconds=30)).value == "left"

    def test_a_result_of_50_megabytes_is_refused_with_advice(self) -> None:
        failure = self.run_sample("large", 50 * 2**20).failure
        assert failure is not None
        assert "keep large data in the database or a file and pass its key" in failure.message

    def _assert_lost(self, outcome: Outcome, reason: str) -> None:
        assert outcome.failure is not None
        assert outcome.failure.exception == "windsock.errors.Lost"
        assert reason in outcome.failure.message
        assert outcome.failure.retry


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until ``condition`` holds; an AssertionError if it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Tell whether a process with this id exists and is no zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not os.path.isdir("/proc/self")  # a system without /proc tells only that it exists


def _assert_gone(pids: Path) -> None:
    for pid in pids.read_text().split():
        wait_until(lambda pid=int(pid): not is_running(pid))  # type: ignore[misc]
