"""The suite finds the faults that a transport can have."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from windsock.call import Call, Outcome, execute
from windsock.testing.suite import IsolatedTransportSuite, is_running, wait_until
from windsock.transport import Transport


@dataclass
class Faulty:
    """Runs here, and spoils the outcome."""

    spoil: Callable[[Outcome], Outcome]

    def send(self, call: Call, *, timeout: timedelta | None = None) -> Outcome:
        return self.spoil(execute(call))


def suite_of(transport: Transport) -> IsolatedTransportSuite:
    suite = IsolatedTransportSuite()
    suite.make_transport = lambda: transport  # type: ignore[method-assign]
    return suite


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda outcome: Outcome(), "test_arguments_go_in_and_the_value_comes_out"),
        (lambda outcome: replace(outcome, failure=None), "test_a_failure_carries_type_message_and_traceback"),
        (lambda outcome: replace(outcome, failure=None), "test_a_failure_can_forbid_another_try"),
        (lambda outcome: replace(outcome, skipped=False), "test_a_skip_is_no_failure"),
        (lambda outcome: Outcome(), "test_an_unknown_function_is_a_failure"),
        (lambda outcome: Outcome(), "test_a_result_that_json_cannot_hold_is_a_failure_with_advice"),
        (lambda outcome: Outcome(value="x"), "test_a_result_of_a_megabyte_comes_through"),
        (
            lambda outcome: Outcome(value="forged"),
            "test_what_the_function_prints_is_not_taken_for_the_outcome",
        ),
        (lambda outcome: outcome, "test_the_call_runs_in_another_process_that_leads_its_group"),
    ],
)
def test_a_fault_is_found(spoil: Callable[[Outcome], Outcome], rule: str) -> None:
    with pytest.raises(AssertionError):
        getattr(suite_of(Faulty(spoil)), rule)()


def test_the_suite_says_what_it_needs() -> None:
    with pytest.raises(NotImplementedError):
        IsolatedTransportSuite().make_transport()


def test_waiting_ends_with_the_condition_or_the_limit() -> None:
    wait_until(lambda: True)
    with pytest.raises(AssertionError, match=r"not within 0\.05 s"):
        wait_until(lambda: False, seconds=0.05)


def test_a_running_process_is_told_from_none_and_from_a_zombie() -> None:
    assert is_running(os.getpid())
    child = os.fork()
    if child == 0:
        os._exit(0)
    wait_until(lambda: not is_running(child))
    os.waitpid(child, 0)
    assert not is_running(child)
