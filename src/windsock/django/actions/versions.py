"""What became of a workflow: which version a run used, what two versions differ in, and the way back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windsock import wire
from windsock.django.actions import definitions
from windsock.django.history import version_at
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.errors import InvalidWorkflow, NotEditable, WireError
from windsock.workflow import Workflow as Definition

#: Lists of objects that are compared by name, not by place.
_NAMED = {"steps"}
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two documents."""

    path: str  #: "schedule.cron", "steps.draw.kwargs.value": steps by name
    before: Any  #: None: it was not there, or null
    after: Any  #: None: it is not there, or null
    kind: str = "changed"  #: or "added", "removed"


def difference(older: WorkflowVersion, newer: WorkflowVersion) -> list[Change]:
    """Return what changed from one version to another; a tombstone says nothing at all.

    What equals its default is not in a document: a time-out that is set for the first time was "added".
    """
    return list(_changes("", older.document or {}, newer.document or {}))


def rollback(workflow: Workflow, revision: int, *, user: Any = None) -> Workflow:
    """Put what a workflow was at ``revision`` back in force, as a new version.

    It is checked like any other: what has become impossible meanwhile is refused. Going back to what is in
    force anyway writes nothing; a retired workflow comes back.

    Raises:
        InvalidWorkflow: there is no such version, or it cannot be published any more.
        NotEditable: the workflow comes from another source.
    """
    if workflow.source != definitions.SOURCE:
        where = f"{workflow.source} {workflow.source_key}".strip()
        raise NotEditable(f"{workflow.id} is not edited here: it comes from {where}; change it there.")
    version = WorkflowVersion.objects.filter(workflow=workflow, revision=revision).first()
    if version is None:
        raise InvalidWorkflow((("revision", f"{workflow.id} has no revision {revision}"),))
    if version.document is None:
        raise InvalidWorkflow((("revision", f"revision {revision} retired {workflow.id}; choose another"),))
    try:
        definition = wire.from_json(Definition, version.document)
    except WireError as error:
        raise InvalidWorkflow((("revision", f"cannot be read any more: {error}"),)) from error
    comment = f"Rolled back to revision {revision}."
    return definitions.restore(workflow, definition, user=user, comment=comment)


def used_by(run: WorkflowRun) -> WorkflowVersion | None:
    """Return the version that ``run`` began with; None: it has not begun, or nothing is known of it."""
    return None if run.revision is None else version_at(run.workflow_id, run.revision)


def _changes(path: str, before: Any, after: Any) -> Iterator[Change]:
    if before is _NOTHING:
        yield Change(path, None, after, "added")
    elif after is _NOTHING:
        yield Change(path, before, None, "removed")
    elif path in _NAMED:
        yield from _named_changes(path, before, after)
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _inner_changes(path, before, after)
    elif wire.canonical(before) != wire.canonical(after):
        yield Change(path, before, after)


def _inner_changes(path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for key in [*before, *(key for key in after if key not in before)]:
        inner = f"{path}.{key}" if path else key
        yield from _changes(inner, before.get(key, _NOTHING), after.get(key, _NOTHING))


def _named_changes(
    path: str, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> Iterator[Change]:
    old, new = ({item["name"]: item for item in items} for items in (before, after))
    yield from _inner_changes(path, old, new)
    kept = [name for name in old if name in new]
    order = [name for name in new if name in old]
    if kept != order:
        yield Change(path, list(old), list(new))
