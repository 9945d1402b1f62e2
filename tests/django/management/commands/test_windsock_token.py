from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from windsock.django.actions import tokens

pytestmark = pytest.mark.django_db


def printed(*arguments: str) -> str:
    output = StringIO()
    call_command("windsock_token", *arguments, stdout=output)
    return output.getvalue()


def test_a_token_of_the_first_superuser_is_printed_and_nothing_else() -> None:
    get_user_model().objects.create_user("ada")
    root = get_user_model().objects.create_superuser("root")

    text = printed()

    found = tokens.find(text.strip())
    assert found is not None
    assert found.user == root
    assert text.count("\n") == 1


def test_a_token_of_somebody_else_may_be_asked_for() -> None:
    ada = get_user_model().objects.create_user("ada")

    found = tokens.find(printed("--username", "ada").strip())

    assert found is not None
    assert found.user == ada


@pytest.mark.parametrize("arguments", [(), ("--username", "nobody")])
def test_without_a_user_there_is_no_token(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="There is no active"):
        printed(*arguments)
