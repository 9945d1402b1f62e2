from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import translation

from windsock.django.api.phrases import phrases_for
from windsock.django.models import ApiToken


def test_the_names_are_those_of_the_model() -> None:
    names = [phrases_for(action, User).task_name for action in ("list", "retrieve", "create", "destroy")]

    assert names == ["list_users", "get_user", "create_user", "delete_user"]


def test_a_name_of_two_words_is_joined() -> None:
    assert phrases_for("create", ApiToken).task_name == "create_api_token"
    assert phrases_for("list", ApiToken).accepted("") == "Task created to list api tokens"


def test_a_part_of_an_update_is_an_update() -> None:
    assert phrases_for("partial_update", User) == phrases_for("update", User)


def test_the_words_do_not_depend_on_the_language() -> None:
    with translation.override("de"):
        assert phrases_for("create", Session).succeeded("x") == "Successfully created session x"


def test_a_failure_is_told_in_the_same_words() -> None:
    assert phrases_for("update", User).failed("7") == "Failed to update user 7"
