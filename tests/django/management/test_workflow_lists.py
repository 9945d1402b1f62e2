import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from windsock.django.models import Workflow, WorkflowVersion

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def workflows() -> None:
    load = Workflow.objects.create(id="load", title="Nightly load", source="test", live_revision=4)
    for revision, value, comment in ((2, 1, ""), (4, 2, "Rolled back to revision 1.")):
        steps = [{"name": "draw", "task": "x.y", "kwargs": {"value": value}}]
        WorkflowVersion.objects.create(
            workflow=load,
            revision=revision,
            digest=str(revision),
            document={"id": "load", "steps": steps},
            comment=comment,
        )
    Workflow.objects.create(id="other", source="test", owner="ann", is_paused=True, problem="steps: none")


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("workflows", *arguments, stdout=out)
    return out.getvalue()


def test_list_tells_what_is_in_force() -> None:
    assert run("list").splitlines() == [
        "load  revision 4  live",
        "other  revision -  not live  paused  steps: none",
    ]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (("--search", "nightly"), ["load"]),
        (("--owner", "ann"), ["other"]),
        (("--live", "true"), ["load"]),
        (("--paused", "true", "--live", "false"), ["other"]),
        (("--tag", "none"), []),
    ],
)
def test_list_filters_as_rest_does(filters: tuple[str, ...], found: list[str]) -> None:
    assert [workflow["id"] for workflow in json.loads(run("list", *filters, "--json"))] == found


def test_show_tells_everything_about_one() -> None:
    lines = run("show", "load").splitlines()
    assert "title: Nightly load" in lines
    assert "revision: 4" in lines

    definition = json.loads(run("show", "load", "--json"))["definition"]
    assert definition["steps"][0]["kwargs"] == {"value": 2}


def test_versions_come_with_who_and_why() -> None:
    lines = run("versions", "load").splitlines()

    assert [line.split()[0] for line in lines] == ["4", "2"]
    assert lines[0].endswith("Rolled back to revision 1.")
    assert [version["revision"] for version in json.loads(run("versions", "load", "--json"))] == [4, 2]


@pytest.mark.parametrize("revisions", [("2", "4"), ("2",)])
def test_diff_tells_what_changed(revisions: tuple[str, ...]) -> None:
    assert run("diff", "load", *revisions) == "steps.draw.kwargs.value: 1 -> 2\n"
    assert json.loads(run("diff", "load", *revisions, "--json"))[0]["after"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "nothing"), "There is no workflow 'nothing'"),
        (("diff", "load", "3"), "load has no revision 3"),
        (("diff", "other", "1"), "other has no revision 1"),
    ],
)
def test_what_is_not_there_is_said(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run(*arguments)
