"""``manage.py workflows list | show | versions | diff``."""

from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError

from windsock.django.actions.versions import difference
from windsock.django.api import catalogue
from windsock.django.history import version_at
from windsock.django.management.subcommands import Answer, Subcommand, as_json, columns, workflow_called
from windsock.django.models import WorkflowVersion

FILTERS = ("search", "owner", "tag", "live", "paused")


def _take_filters(parser: ArgumentParser) -> None:
    parser.add_argument("--search", help="words in id or title")
    parser.add_argument("--owner")
    parser.add_argument("--tag")
    parser.add_argument("--live", choices=("true", "false"))
    parser.add_argument("--paused", choices=("true", "false"))


def show_all(answer: Answer, **filters: str | None) -> None:
    """List the workflows in force."""
    given = {name: value for name, value in filters.items() if name in FILTERS and value is not None}
    answer.show(map(catalogue.workflow_json, catalogue.found(given)), _line)


def _line(workflow: Mapping[str, Any]) -> str:
    return columns(
        workflow["id"],
        f"revision {workflow['revision'] or '-'}",
        "live" if workflow["live"] else "not live",
        "paused" if workflow["is_paused"] else "",
        workflow["problem"],
    )


def _take_workflow(parser: ArgumentParser) -> None:
    parser.add_argument("workflow", help="its id")


def show(answer: Answer, *, workflow: str) -> None:
    """Show a workflow and its definition in force."""
    found = catalogue.workflows().get(pk=workflow_called(workflow).pk)
    version = version_at(found.pk)
    data = {
        **catalogue.workflow_json(found),
        "retired_at": found.retired_at,
        "definition": version.document if version else None,
    }
    if answer.is_json:
        answer.say(as_json(data))
        return
    for name, value in data.items():
        if value not in (None, "", []):
            answer.say(f"{name}: {as_json(value) if isinstance(value, dict) else value}")


def versions(answer: Answer, *, workflow: str) -> None:
    """List the versions of a workflow, the newest first."""
    rows = map(catalogue.version_json, catalogue.versions_of(workflow_called(workflow).pk))
    answer.show(rows, _version_line)


def _version_line(version: Mapping[str, Any]) -> str:
    return columns(
        version["revision"],
        f"{version['created_at']:%Y-%m-%d %H:%M:%S}",
        version["author"],
        "retired" if version["retired"] else "",
        version["comment"],
        f"refused: {version['refusal']}" if version["refusal"] else "",
    )


def _take_revisions(parser: ArgumentParser) -> None:
    _take_workflow(parser)
    parser.add_argument("older", type=int, help="a revision")
    parser.add_argument("newer", type=int, nargs="?", help="another one; by default what is in force")


def show_difference(answer: Answer, *, workflow: str, older: int, newer: int | None) -> None:
    """Show what changed from one version to another."""
    changes = difference(_version(workflow, older), _version(workflow, newer))
    answer.show(map(asdict, changes), _change_line)


def _change_line(change: Mapping[str, Any]) -> str:
    before, after = (as_json(change[name]) for name in ("before", "after"))
    return f"{change['path']}: {before} -> {after}"


def _version(workflow: str, revision: int | None) -> WorkflowVersion:
    known = WorkflowVersion.objects.filter(workflow=workflow_called(workflow).pk)
    version = version_at(workflow) if revision is None else known.filter(revision=revision).first()
    if version is None:
        raise CommandError(f"{workflow} has no revision {revision or 'in force'}.")
    return version


SUBCOMMANDS = (
    Subcommand("list", show_all, _take_filters, lists=True),
    Subcommand("show", show, _take_workflow, lists=True),
    Subcommand("versions", versions, _take_workflow, lists=True),
    Subcommand("diff", show_difference, _take_revisions, lists=True),
)
