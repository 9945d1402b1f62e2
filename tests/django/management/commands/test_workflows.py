from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command

from windsock.django import sources
from windsock.django.actions import revisions
from windsock.django.compat import task
from windsock.django.management.commands.workflows import Command
from windsock.django.models import Workflow
from windsock.workflow import Step
from windsock.workflow import Workflow as Definition

pytestmark = pytest.mark.django_db


@task
def work() -> None:
    pass


class Groups(sources.WorkflowSource[Group]):
    model = Group
    name = "groups"

    def workflow(self, row: Group) -> Definition:
        return Definition(id=f"group_{row.pk}", steps=(Step(name="a", task=row.name),))


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_sources", {})
    sources.register(Groups)


def run(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    try:
        call_command("workflows", *arguments, stdout=out, stderr=err)
    except CommandError as error:
        err.write(str(error))
    return out.getvalue(), err.getvalue()


def test_publish_tells_what_it_did() -> None:
    Group.objects.bulk_create([Group(name=work.module_path), Group(name="nothing.at.all")])

    out, err = run("publish")

    assert out == "2 rows: 1 versions written, 0 workflows retired, 1 rows refused\n"
    assert "No task is registered as 'nothing.at.all'" in err


def test_an_unknown_source_is_refused() -> None:
    assert run("publish", "x") == ("", "There is no workflow source 'x'; known: code, groups.")


def test_list_tells_what_is_in_force() -> None:
    live, waiting = (Group.objects.create(name=work.module_path + suffix) for suffix in ("", "x"))
    revisions.number()
    Workflow.objects.filter(id=f"group_{live.pk}").update(live_revision=1)

    lines = run("list")[0].splitlines()

    assert lines[0] == f"group_{live.pk}  revision 1  live"
    assert lines[1].startswith(f"group_{waiting.pk}  revision -  not live  steps.0.task: ")


def test_everything_that_is_done_to_workflows_has_a_name() -> None:
    names = {each.name for each in Command.subcommands}

    assert names == {
        *("list", "show", "versions", "diff"),
        *("publish", "run", "pause", "unpause", "backfill", "rollback", "delete"),
    }
    assert all(each.do.__doc__ for each in Command.subcommands)
