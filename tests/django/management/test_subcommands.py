from argparse import ArgumentParser
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from rest_framework.exceptions import ValidationError

from windsock.django.management import subcommands
from windsock.django.management.subcommands import Answer, Subcommand, Subcommands
from windsock.django.models import Workflow
from windsock.errors import InvalidParams, OrchestratorAway, WrongStatus


def greet(answer: Answer, *, name: str) -> None:
    """Say hello.

    More than the help tells.
    """
    if name == "nobody":
        raise WrongStatus("There is nobody.")
    answer.show([{"name": name}], lambda row: f"Hello, {row['name']}.")


def take_name(parser: ArgumentParser) -> None:
    parser.add_argument("name")


class Command(Subcommands):
    subcommands = (Subcommand("greet", greet, take_name, lists=True), Subcommand("again", greet, take_name))


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(Command(), *arguments, stdout=out)
    return out.getvalue()


def test_a_subcommand_answers_in_lines() -> None:
    assert run("greet", "Ann") == "Hello, Ann.\n"


def test_a_list_is_json_for_programs() -> None:
    assert run("greet", "Ann", "--json") == '[\n  {\n    "name": "Ann"\n  }\n]\n'
    with pytest.raises(CommandError, match="unrecognized arguments: --json"):
        run("again", "Ann", "--json")


def test_a_refusal_is_told_and_fails() -> None:
    with pytest.raises(CommandError, match=r"^There is nobody\.$") as caught:
        run("greet", "nobody")

    assert caught.value.returncode == 1


def test_the_help_is_the_docstrings_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("greet", "--help")

    assert "Say hello\n" in capsys.readouterr().out


def test_a_subcommand_must_be_named() -> None:
    with pytest.raises(CommandError, match="subcommand"):
        run()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            InvalidParams((("params.day", "is wrong"), ("end", "lies before"))),
            "params.day: is wrong\nend: lies before",
        ),
        (ValidationError({"live": ["Say true or false."]}), "live: Say true or false."),
        (OrchestratorAway("Airflow cannot be reached"), "Airflow cannot be reached"),
    ],
)
def test_a_refusal_names_the_fields(error: Exception, text: str) -> None:
    assert subcommands.refusal(error) == text


def test_a_line_leaves_out_what_says_nothing() -> None:
    assert subcommands.columns("a", None, "", 0, "b") == "a  0  b"


@pytest.mark.django_db
def test_whoever_is_named_has_to_be_there() -> None:
    Workflow.objects.create(id="a", source="test")
    User.objects.create(username="ann")
    User.objects.create(username="gone", is_active=False)

    assert subcommands.workflow_called("a").pk == "a"
    assert subcommands.user_called("ann").username == "ann"
    assert subcommands.user_called(None) is None
    missing: list[tuple[Any, str]] = [
        (subcommands.workflow_called, "b\x00"),
        (subcommands.user_called, "gone"),
    ]
    for find, name in missing:
        with pytest.raises(CommandError, match="There is no"):
            find(name)
