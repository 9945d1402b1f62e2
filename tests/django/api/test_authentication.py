from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from windsock.django.actions import tokens

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.django.api.project")]

ADDRESS = "/api/tasks/"


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", password="a long password")


def ask(authorization: str | None) -> tuple[int, str | None]:
    headers = {"Authorization": authorization} if authorization is not None else {}
    response = APIClient().get(ADDRESS, headers=headers)
    return response.status_code, response.get("WWW-Authenticate")


def test_a_token_opens_the_api(ada: User) -> None:
    assert ask(f"Bearer {tokens.issue(ada)}")[0] == 200
    assert ask(f"bearer  {tokens.issue(ada)}")[0] == 200


def test_a_session_opens_the_api(ada: User) -> None:
    client = APIClient()
    client.force_login(ada)

    assert client.get(ADDRESS).status_code == 200


def test_an_expired_token_does_not(ada: User) -> None:
    assert ask(f"Bearer {tokens.issue(ada, lifetime=timedelta(0))}")[0] == 401


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer x", "Bearer \xff", "Basic YTpi"])
def test_anything_else_is_401_and_says_what_is_wanted(authorization: str | None) -> None:
    assert ask(authorization) == (401, 'Bearer realm="windsock"')


def test_answers_are_not_kept_by_caches(ada: User) -> None:
    client = APIClient()
    assert client.get(ADDRESS)["Cache-Control"] == "no-store"
    client.force_login(ada)
    assert client.get(ADDRESS)["Cache-Control"] == "no-store"
