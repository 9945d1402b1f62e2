from typing import Any

import pytest
import structlog
from structlog.testing import CapturingLogger

from windsock.airflow.tracebacks import as_error_detail, show
from windsock.call import Failure, describe


def failure_of(raise_: Any) -> Failure:
    try:
        raise_()
    except Exception as error:
        return describe(error)
    raise AssertionError


def deep() -> None:
    raise ValueError("two\nlines: and a colon")


def caused() -> None:
    try:
        deep()
    except ValueError as error:
        raise LookupError("no shop") from error


def chained() -> None:
    try:
        deep()
    except ValueError:
        raise LookupError  # noqa: B904 - the chain without a cause is what is tested


def grouped() -> None:
    raise ExceptionGroup("many", [ValueError("a"), ValueError("b")])


def test_a_traceback_becomes_frames_from_the_outermost_to_the_innermost() -> None:
    [stack] = as_error_detail(failure_of(deep))
    assert (stack["exc_type"], stack["exc_value"]) == ("ValueError", "two\nlines: and a colon")
    assert [frame["name"] for frame in stack["frames"]] == ["failure_of", "deep"]
    assert stack["frames"][-1]["filename"] == __file__
    assert stack["frames"][-1]["lineno"] == deep.__code__.co_firstlineno + 1


@pytest.mark.parametrize(("raise_", "is_cause"), [(caused, True), (chained, False)])
def test_a_chain_shows_the_last_error_first(raise_: Any, is_cause: bool) -> None:
    last, first = as_error_detail(failure_of(raise_))
    assert (last["exc_type"], first["exc_type"]) == ("LookupError", "ValueError")
    assert (last["is_cause"], first["is_cause"]) == (False, is_cause)


@pytest.mark.parametrize("failure", [failure_of(grouped), Failure(exception="a.B", message="so it goes")])
def test_what_has_no_plain_frames_gives_none(failure: Failure) -> None:
    assert as_error_detail(failure) == []


@pytest.fixture
def shown() -> CapturingLogger:
    return CapturingLogger()


def test_a_failure_is_shown_with_its_frames(shown: CapturingLogger) -> None:
    show(structlog.wrap_logger(shown, processors=[]), failure_of(caused))
    [call] = shown.calls
    assert (call.method_name, call.kwargs["event"]) == ("error", "Task failed: LookupError: no shop")
    assert len(call.kwargs["error_detail"]) == 2


@pytest.mark.parametrize("failure", [failure_of(grouped), Failure(exception="a.B", message="so it goes")])
def test_what_has_no_plain_frames_is_shown_as_text(shown: CapturingLogger, failure: Failure) -> None:
    show(structlog.wrap_logger(shown, processors=[]), failure)
    [call] = shown.calls
    assert "error_detail" not in call.kwargs
    assert failure.message in call.kwargs["event"]
    assert call.kwargs["event"].endswith(failure.traceback.rstrip())
