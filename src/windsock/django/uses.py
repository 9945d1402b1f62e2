"""Which earlier results the templates of a workflow's steps read."""

from collections.abc import Iterator
from dataclasses import replace

from windsock.django import rendering
from windsock.django.storable import strings
from windsock.workflow import Problem, Step, Workflow

_METHODS = frozenset({"get", "items", "keys", "values"})


def filled_in(workflow: Workflow, problems: list[Problem]) -> Iterator[Step]:
    """Yield the steps with their ``uses``; what is wrong with their templates goes into ``problems``."""
    upstream: dict[str, set[str]] = {}
    for index, step in enumerate(workflow.steps):
        used: set[str] = set()
        for path, text in _templates(index, step):
            try:
                template = rendering.read(text)
            except rendering.InvalidTemplate as error:
                problems.append((path, str(error)))
                continue
            if template.results and not upstream:
                upstream = _upstream(workflow)
            before = upstream.get(step.name, set())
            problems += [
                (path, f"step {other!r} does not come before {step.name!r}")
                for other in sorted(template.results - before)
            ]
            problems += [
                (path, f"there is no param {name!r}")
                for name in sorted(template.params - set(workflow.params) - _METHODS)
            ]
            used |= template.results
        yield replace(step, uses=tuple(sorted(used)))


def _templates(index: int, step: Step) -> Iterator[tuple[str, str]]:
    for where, value in (("args", list(step.args)), ("kwargs", step.kwargs)):
        for path, text in strings(f"steps.{index}.{where}", value):
            if rendering.is_template(text):
                yield path, text


def _upstream(workflow: Workflow) -> dict[str, set[str]]:
    """Return for each step the names of all steps that end before it begins."""
    before: dict[str, set[str]] = {}
    for step in workflow.in_order():
        before[step.name] = set(step.after).union(*(before[name] for name in step.after))
    return before
