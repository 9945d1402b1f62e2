from datetime import datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from windsock.django.service.counting import Countable, NotCountable

pytestmark = pytest.mark.django_db


@pytest.fixture
def users() -> Countable:
    for name in ("ann", "bob", "cid"):
        User.objects.create_user(name, is_staff=name == "bob")
    return Countable(User, frozenset({"username", "is_staff", "date_joined", "pk"}))


@pytest.mark.parametrize(
    ("filter", "count"),
    [
        ({}, 3),
        ({"username": "ann"}, 1),
        ({"username__in": ["ann", "cid"]}, 2),
        ({"is_staff": True}, 1),
        ({"date_joined__gte": "2020-01-01T00:00:00+00:00"}, 3),
        ({"date_joined__date": datetime.now().date().isoformat(), "username": "nobody"}, 0),
        ({"pk__isnull": False}, 3),
    ],
)
def test_rows_are_chosen_by_registered_fields(users: Countable, filter: dict[str, Any], count: int) -> None:
    assert users.count(filter, 100) == count


def test_no_more_are_counted_than_are_enough(users: Countable, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1) as asked:
        assert users.count({}, 2) == 2
    assert "LIMIT 2" in asked.captured_queries[0]["sql"]


@pytest.mark.parametrize(
    "filter",
    [
        {"password__startswith": "pbkdf2"},
        {"password": "x"},
        {"groups__name": "x"},
        {"username__regex": "(a+)+$"},
        {"username__in__exact": ["a"]},
        {"is_staff__isnull__in": [1]},
        {"logentry__action_flag": 1},
        {"": 1},
        {"_connector": "OR"},
        {"username__": "x"},
        {"username__in": ["x"] * 1001},
        {"date_joined": "not a date"},
        {"date_joined__gte": {"a": 1}},
        {"pk": "x"},
    ],
    ids=str,
)
def test_everything_else_is_refused_and_asks_no_database(
    users: Countable, filter: dict[str, Any], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0), pytest.raises(NotCountable):
        users.count(filter, 1)


def test_a_field_of_another_model_is_named_in_full() -> None:
    entries = Countable(LogEntry, frozenset({"user__username"}))
    assert entries.count({"user__username": "ann"}, 1) == 0
    with pytest.raises(NotCountable):
        entries.count({"user__password": "x"}, 1)


def test_the_project_may_say_which_rows_there_are() -> None:
    User.objects.create_user("ann")
    nobody = Countable(User, frozenset(), lambda: User.objects.none())
    assert nobody.count({}, 1) == 0


@pytest.mark.parametrize("field", ["colour", "username__first", "groups__colour", ""])
def test_a_field_that_is_not_there_is_found_at_once(field: str) -> None:
    with pytest.raises(NotCountable, match="has no field"):
        Countable(User, frozenset({field}))
