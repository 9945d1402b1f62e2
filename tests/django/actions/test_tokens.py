from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model

from windsock.django.actions import tokens
from windsock.django.models import ApiToken

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> object:
    return get_user_model().objects.create_user("ada")


def test_a_token_leads_to_its_user_and_is_not_kept_itself(ada: object) -> None:
    token = tokens.issue(ada, name="laptop")

    found = tokens.find(token)

    assert found is not None
    assert (found.user, found.name) == (ada, "laptop")
    assert token not in str(ApiToken.objects.values_list().get())


def test_no_two_tokens_are_alike(ada: object) -> None:
    assert tokens.issue(ada) != tokens.issue(ada)


def test_an_expired_token_is_none(ada: object) -> None:
    assert tokens.find(tokens.issue(ada, lifetime=timedelta(seconds=-1))) is None


def test_a_token_may_last_for_ever(ada: object) -> None:
    assert tokens.find(tokens.issue(ada, lifetime=None)) is not None


def test_a_user_who_was_deactivated_has_no_token(ada: object) -> None:
    token = tokens.issue(ada)
    get_user_model().objects.update(is_active=False)

    assert tokens.find(token) is None


def test_an_unknown_token_is_none() -> None:
    assert tokens.find("windsock_guess") is None
