from typing import Any

import pytest
from django.db import DataError, connection
from django.test.utils import CaptureQueriesContext

from windsock.django.prepared import FEW, fetch_one

pytestmark = pytest.mark.django_db(transaction=True)

STATEMENT = "SELECT %s::int + 1"


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The connection, as a worker has it."""
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 600)
    yield connection
    connection.close()


def prepared() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.usefixtures("kept")
def test_a_kept_connection_plans_a_statement_once() -> None:
    assert [fetch_one("default", STATEMENT, (number,)) for number in (1, 2, 3)] == [(2,), (3,), (4,)]

    assert prepared() == ["SELECT $1::int + 1"]


@pytest.mark.usefixtures("kept")
def test_other_statements_of_the_connection_are_left_as_they_were() -> None:
    fetch_one("default", STATEMENT, (1,))
    for _ in range(20):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::int + 2", (1,))

    assert len(prepared()) == 1


def test_a_connection_that_is_closed_soon_prepares_nothing() -> None:
    assert fetch_one("default", STATEMENT, (1,)) == (2,)

    assert prepared() == []


def test_a_connection_that_lasts_in_spite_of_that_does() -> None:
    connection.close()
    assert [fetch_one("default", STATEMENT, (1,)) for _ in range(FEW + 1)] == [(2,)] * (FEW + 1)

    assert prepared() == ["SELECT $1::int + 1"]
    connection.close()


@pytest.mark.parametrize(
    ("name", "value"), [("OPTIONS", {"prepare_threshold": None}), ("DISABLE_SERVER_SIDE_CURSORS", True)]
)
def test_behind_a_pooler_nothing_is_prepared(
    kept: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    monkeypatch.setitem(connection.settings_dict, name, value)

    assert fetch_one("default", STATEMENT, (1,)) == (2,)
    assert prepared() == []


def test_no_row_is_none() -> None:
    assert fetch_one("default", "SELECT 1 WHERE %s::int = 0", (1,)) is None


@pytest.mark.usefixtures("kept")
def test_errors_are_djangos() -> None:
    with pytest.raises(DataError):
        fetch_one("default", "SELECT 1 / %s::int", (0,))


def test_who_watches_the_statements_sees_it() -> None:
    with CaptureQueriesContext(connection) as statements:
        fetch_one("default", STATEMENT, (1,))

    assert len(statements) == 1
