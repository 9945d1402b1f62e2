import psycopg
import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError

from windsock.django.losses import is_away


def raised(kind: type[Exception], cause: Exception) -> Exception:
    error = kind(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("state", ["08000", "08006", "57P01", "57P02", "57P03", "53300"])
def test_a_lost_database_is_told_by_its_state(state: str) -> None:
    assert is_away(raised(OperationalError, psycopg.errors.lookup(state)("whatever it says")))


@pytest.mark.parametrize("state", ["55P03", "40001", "40P01", "57014", "25P03", "53100", "53200"])
def test_other_operational_errors_are_not_taken_for_it(state: str) -> None:
    assert not is_away(raised(OperationalError, psycopg.errors.lookup(state)("the connection is lost")))


def test_a_server_that_does_not_answer_has_no_state() -> None:
    assert is_away(raised(OperationalError, psycopg.OperationalError("connection refused")))
    assert not is_away(raised(InterfaceError, psycopg.InterfaceError("the cursor is closed")))
    assert not is_away(OperationalError("raised by somebody"))
    assert not is_away(ValueError("08006"))
    assert not is_away(None)


def test_what_follows_from_a_loss_is_part_of_it() -> None:
    loss = raised(OperationalError, psycopg.OperationalError("the connection is closed"))
    assert is_away(raised(ProgrammingError, loss))
    template_error = RuntimeError("while rendering")
    template_error.__context__ = loss
    assert is_away(template_error)
    template_error.__suppress_context__ = True
    assert not is_away(template_error)
