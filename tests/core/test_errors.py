import pytest

from windsock import errors
from windsock.call import Failure

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
PLAIN = [kind for kind in KINDS if "__init__" not in vars(kind) or kind is errors.WindsockError]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_is_a_windsock_error_with_a_message_of_its_own(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.WindsockError)
    assert kind.__doc__


@pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.__name__)
def test_the_docstring_is_the_default_message(kind: type[Exception]) -> None:
    assert str(kind()) == kind.__doc__
    assert str(kind("in other words")) == "in other words"


def test_an_invalid_workflow_names_every_problem() -> None:
    error = errors.InvalidWorkflow((("id", "too long"), ("steps.0.task", "no dot")))
    assert str(error) == "id: too long; steps.0.task: no dot"
    assert error.problems[1] == ("steps.0.task", "no dot")


def test_a_failed_set_up_keeps_what_was_raised() -> None:
    failure = Failure(exception="builtins.ImportError", message="no module named shop")
    error = errors.SetUpFailed(failure)
    assert error.failure is failure
    assert "builtins.ImportError: no module named shop" in str(error)
