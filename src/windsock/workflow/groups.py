"""Groups of steps: where graphs draw them, and what Airflow asks of them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from windsock.workflow.values import Step

#: Source: Airflow 3.3, ``airflow.sdk.definitions._internal.node``, ``validate_group_key``: no dots.
_PART = re.compile(r"[\w-]+\Z", re.ASCII)
_LENGTH = 200
#: Ids that a group takes for the joints of its edges. Source: Airflow 3.3, ``airflow.sdk.TaskGroup``.
_JOINTS = ("upstream_join_id", "downstream_join_id")


def graph_id(group: str) -> str:
    """Return the id of a group in Airflow, where ``load.files`` and ``store.files`` share one name space."""
    return group.replace(".", "__")


def lineage(group: str) -> tuple[str, ...]:
    """Return the groups around and including ``group``, the outermost first; none for no group."""
    parts = group.split(".") if group else []
    return tuple(".".join(parts[:length]) for length in range(1, len(parts) + 1))


def problems(steps: Sequence[Step]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the groups of ``steps``, whose names and graph must be sound."""
    owners: dict[str, str] = {}
    taken = {step.name for step in steps}
    sound = True
    for index, step in enumerate(steps):
        message = _name_problem(step.group, owners, taken) if step.group else ""
        if message:
            sound = False
            yield f"steps.{index}.group", message
    if sound and owners:
        yield from _circles(steps)


def _name_problem(group: str, owners: dict[str, str], taken: set[str]) -> str:
    if not all(_PART.match(part) for part in group.split(".")):
        return f"{group!r}: use letters, digits, dashes and underscores, and a dot between nested groups"
    if len(graph_id(group)) > _LENGTH:
        return f"is longer than {_LENGTH} letters"
    for around in lineage(group):
        id = graph_id(around)
        for name in (id, around, *(f"{id}.{joint}" for joint in _JOINTS)):
            if name in taken:
                return f"Airflow cannot tell the group {around!r} from the step {name!r}; rename one of them"
        if owners.setdefault(id, around) != around:
            return f"Airflow cannot tell {around!r} from {owners[id]!r}; rename one of them"
    return ""


def _circles(steps: Sequence[Step]) -> Iterator[tuple[str, str]]:
    """Yield groups that wait for each other: Airflow cannot draw them side by side.

    Source: Airflow 3.3, ``TaskGroup.topological_sort``: a group waits for what its first steps wait for.
    """
    inside: dict[str, set[str]] = {}
    for step in steps:
        for group in ("", *lineage(step.group)):
            inside.setdefault(group, set()).add(step.name)
    groups = {step.name: step.group for step in steps}
    waits: dict[str, dict[str, set[str]]] = {group: {} for group in inside}
    for step in steps:
        path = ("", *lineage(step.group), step.name)
        for depth, parent in enumerate(path[:-1]):
            child = path[depth + 1]
            is_first = inside.get(child, set()).isdisjoint(step.after) or depth == len(path) - 2
            befores = step.after if is_first else ()
            found = waits[parent].setdefault(child, set())
            found.update(_siblings(befores, inside[parent], groups, depth=depth))
            found.discard(child)
    for waiting in waits.values():
        try:
            TopologicalSorter(waiting).prepare()
        except CycleError as error:
            circle = list(reversed(error.args[1]))
            index = next(i for i, step in enumerate(steps) if not set(circle).isdisjoint(lineage(step.group)))
            yield f"steps.{index}.group", f"the groups run in a circle: {' -> '.join(circle)}"


def _siblings(names: Iterable[str], parent: set[str], groups: dict[str, str], *, depth: int) -> Iterator[str]:
    """Yield the children of the group ``parent`` at ``depth`` in which the named steps lie."""
    for name in names:
        if name in parent:
            yield (*lineage(groups[name]), name)[depth]
