"""Commands of several words, ``manage.py runs cancel``: their parser, their answers, their refusals."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from rest_framework.exceptions import ValidationError

from windsock.django.models import Workflow
from windsock.errors import InvalidParams, InvalidWorkflow, WindsockError

#: The options that every command of Django has, and what ``call_command`` adds.
_DJANGOS = frozenset(
    {
        *("verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color", "skip_checks"),
        *("stdout", "stderr"),
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Where a subcommand writes."""

    say: Callable[[str], Any]  #: a line
    warn: Callable[[str], Any]  #: a line beside the answer
    is_json: bool = False

    def show(self, rows: Iterable[Mapping[str, Any]], line: Callable[[Mapping[str, Any]], str]) -> None:
        """Write rows, as JSON if that was asked for, else a line each."""
        rows = list(rows)
        if self.is_json:
            self.say(as_json(rows))
        else:
            for row in rows:
                self.say(line(row))


@dataclass(frozen=True, slots=True)
class Subcommand:
    """One of them; its function's docstring is its help."""

    name: str
    do: Callable[..., None]  #: takes an ``Answer``, then the options by name
    takes: Callable[[ArgumentParser], None] = lambda _: None
    lists: bool = False  #: also takes ``--json``


class Subcommands(BaseCommand):
    """A command that does one of several things."""

    subcommands: ClassVar[tuple[Subcommand, ...]]

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the subcommand and its options."""
        subparsers = parser.add_subparsers(dest="subcommand", required=True, metavar="subcommand")
        for each in self.subcommands:
            text = (each.do.__doc__ or "").partition("\n")[0].rstrip(".")
            taking = subparsers.add_parser(each.name, help=text, description=text)
            each.takes(taking)
            if each.lists:
                taking.add_argument("--json", action="store_true", dest="is_json", help="answer as JSON")

    def handle(self, *_: Any, subcommand: str, is_json: bool = False, **options: Any) -> None:
        """Run it.

        Raises:
            CommandError: it was refused; the exit code is 1.
        """
        chosen = next(each for each in self.subcommands if each.name == subcommand)
        own = {name: value for name, value in options.items() if name not in _DJANGOS}
        answer = Answer(say=self.stdout.write, warn=self.stderr.write, is_json=is_json)
        try:
            chosen.do(answer, **own)
        except (WindsockError, ValidationError) as error:
            raise CommandError(refusal(error)) from error


def refusal(error: Exception) -> str:
    """Return why something was not done, one line for each field that is to blame."""
    if isinstance(error, InvalidWorkflow | InvalidParams):
        return "\n".join(f"{field}: {message}" for field, message in error.problems)
    if isinstance(error, ValidationError) and isinstance(error.detail, dict):
        return "\n".join(f"{field}: {' '.join(map(str, told))}" for field, told in error.detail.items())
    return str(error)


def as_json(data: Any) -> str:
    """Return JSON for programs, indented for people."""
    return json.dumps(data, cls=DjangoJSONEncoder, indent=2)


def columns(*parts: Any) -> str:
    """Return one line; parts that say nothing are left out."""
    return "  ".join(str(part) for part in parts if part not in (None, ""))


def workflow_called(id: str) -> Workflow:
    """Return a workflow, also a retired one.

    Raises:
        CommandError: there is none.
    """
    workflow = Workflow.objects.filter(pk=id.replace("\x00", "")).first()
    if workflow is None:
        raise CommandError(f"There is no workflow {id!r}.")
    return workflow


def user_called(name: str | None) -> Any:
    """Return an active user; None for no name.

    Raises:
        CommandError: there is none.
    """
    if name is None:
        return None
    model = get_user_model()
    user = model._default_manager.filter(is_active=True, **{model.USERNAME_FIELD: name}).first()
    if user is None:
        raise CommandError(f"There is no active user {name!r}.")
    return user
