import json
from typing import Any

import pytest

from windsock.call import Call, Outcome, as_json, describe, execute, import_function
from windsock.errors import FailWithoutRetry, Skip
from windsock.wire import canonical, to_json

SAMPLES = "windsock.testing.samples"


def run(function: Any, *args: Any) -> Outcome:
    return execute(Call(function="a.b", args=args), lambda path: function)


def raise_(error: BaseException) -> None:
    raise error


def test_the_value_comes_back() -> None:
    assert run(lambda a: {"a": a}, 1) == Outcome(value={"a": 1})


def test_a_falsy_value_is_a_value() -> None:
    assert run(lambda: False).value is False


def test_the_path_is_imported_by_default() -> None:
    assert execute(Call(function=f"{SAMPLES}.echo", kwargs={"a": 1})).value == {
        "args": [],
        "kwargs": {"a": 1},
    }


def test_a_failure_is_part_of_the_outcome() -> None:
    outcome = run(raise_, ValueError("so it goes"))
    assert outcome.failure is not None
    assert not outcome.succeeded
    assert outcome.failure.exception == "builtins.ValueError"
    assert outcome.failure.traceback.startswith("Traceback (most recent call last):")


@pytest.mark.parametrize(
    "outcome",
    [Outcome(value=[1]), Outcome(skipped=True, message="a"), Outcome(failure=describe(ValueError("b")))],
)
def test_an_outcome_that_a_function_returns_is_passed_on(outcome: Outcome) -> None:
    assert run(lambda: outcome) == outcome


def test_the_value_of_an_outcome_that_is_passed_on_must_be_json_too() -> None:
    assert run(lambda: Outcome(value=(1, 2))).value == [1, 2]
    failure = run(lambda: Outcome(value=object())).failure
    assert failure is not None
    assert failure.exception == "builtins.TypeError"


def test_a_skip_is_no_failure() -> None:
    outcome = run(raise_, Skip("nothing new"))
    assert outcome == Outcome(skipped=True, message="nothing new")
    assert not outcome.succeeded


def test_a_failure_can_forbid_another_try() -> None:
    failure = run(raise_, FailWithoutRetry("no use")).failure
    assert failure is not None
    assert not failure.retry


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_what_ends_a_process_passes_through(error: BaseException) -> None:
    with pytest.raises(type(error)):
        run(raise_, error)


def test_an_error_without_a_text_is_named_by_its_type() -> None:
    assert describe(ValueError()).message == "ValueError"


def test_an_error_whose_text_fails_is_described_all_the_same() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert describe(Broken()).message == "Broken (its text cannot be shown)"


def test_a_text_that_utf8_cannot_hold_is_escaped() -> None:
    outcome = run(raise_, ValueError("file \udcff"))
    assert outcome.failure is not None
    assert outcome.failure.message == r"file \udcff"
    assert canonical(to_json(outcome))


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}, "\udcff", b"bytes"])
def test_a_result_that_json_cannot_hold_is_refused_with_advice(value: object) -> None:
    with pytest.raises(TypeError, match="return dicts, lists, strings"):
        as_json(value)


def test_a_result_that_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(TypeError, match="return dicts"):
        as_json(endless)


def test_a_tuple_becomes_a_list() -> None:
    assert as_json({"a": (1, 2)}) == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nodots", "'nodots' is not a dotted path"),
        (f"{SAMPLES}.nonsense", "has no function 'nonsense'"),
        (f"{SAMPLES}._state", "is not callable"),
        ("no_such_package.f", "No module named 'no_such_package'"),
    ],
)
def test_a_path_that_leads_nowhere_says_why(path: str, message: str) -> None:
    with pytest.raises(ImportError, match=message):
        import_function(path)


def test_import_function_finds() -> None:
    assert import_function("json.dumps") is json.dumps
