"""Workflows that are written in code, as values in the module ``workflows`` of an app."""

import logging
from collections.abc import Iterator

from windsock.django import compiler
from windsock.django.actions.workflows import Plan
from windsock.django.models import Workflow as Row
from windsock.errors import InvalidWorkflow
from windsock.workflow import NAME, Workflow

logger = logging.getLogger(__name__)

#: Name of the source of these workflows; a workflow's key in it is its id.
SOURCE = "code"
_declared: dict[str, Workflow] = {}


def declare(workflow: Workflow) -> Workflow:
    """Publish ``workflow`` from now on, with the next ``manage.py workflows publish`` or sweep of the relay.

    Once its declaration is gone from the code it is retired.

    Returns:
        The same workflow.

    Raises:
        ValueError: another workflow was declared with the same id.
    """
    known = _declared.setdefault(workflow.id, workflow)
    if known != workflow:
        raise ValueError(f"two workflows are called {workflow.id!r}; give one of them another id")
    return workflow


def ids() -> frozenset[str]:
    """Return the ids of all declared workflows."""
    return frozenset(_declared)


def plans() -> Iterator[Plan]:
    """Yield what shall be published of each declared workflow."""
    for id, workflow in sorted(_declared.items()):
        try:
            definition = compiler.compile_workflow(workflow)
        except Exception as error:
            if isinstance(error, InvalidWorkflow):
                problems = error.problems
            else:
                logger.exception("The workflow %s cannot be read", id)
                problems = (("", f"{type(error).__name__}: {error}"),)
            yield Plan(source=SOURCE, key=id, id=id if NAME.match(id) else "", problems=problems)
        else:
            yield Plan(source=SOURCE, key=id, id=id, definition=definition)


def refusals(plans: list[Plan]) -> Iterator[tuple[str, str]]:
    """Yield each workflow that cannot be published with the reason: its own problems, or its id is taken."""
    taken = Row.objects.filter(id__in=ids(), retired_at=None).exclude(source=SOURCE).in_bulk()
    for plan in plans:
        if plan.problems:
            yield f"{SOURCE} {plan.key}", plan.problem
        elif plan.key in taken:
            owner = taken[plan.key]
            message = f"id: {plan.key!r} is the workflow of {owner.source} {owner.source_key}"
            yield f"{SOURCE} {plan.key}", message
