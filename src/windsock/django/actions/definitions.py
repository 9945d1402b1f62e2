"""Create, change and delete the workflows that people edit; each publishes in the same transaction.

Rows are written past their signals: a workflow is published when all of its steps are there, not before.
"""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from windsock.django import authorship, compiler, definition_rows
from windsock.django.actions.workflows import Plan, conflicts, publish, retire
from windsock.django.models import StepDefinition, Workflow, WorkflowDefinition
from windsock.errors import InvalidWorkflow, NotEditable
from windsock.workflow import Problem
from windsock.workflow import Workflow as Definition

#: Name of the source of editable workflows.
SOURCE = "windsock"
_COLUMNS = tuple(sorted(set(definition_rows.FIELDS.values()) - {"id"}))


def create(workflow: Definition, *, user: Any = None) -> Workflow:
    """Write a new workflow and publish it; the id of a retired one may be taken again.

    Args:
        workflow: what it says.
        user: who creates it; None: whoever ``authorship.author()`` names.

    Raises:
        InvalidWorkflow: it cannot be published, or its id is taken; nothing is written.
    """
    return _publish(workflow, user, "", is_new=True)


def update(id: str, workflow: Definition, *, user: Any = None) -> Workflow:
    """Replace what a workflow says and publish it.

    Raises:
        InvalidWorkflow: it cannot be published; nothing is changed, the last good version stays in force.
        NotEditable: it comes from another source, or is retired.
    """
    if workflow.id != id:
        raise InvalidWorkflow((("id", f"cannot be changed; it is {id!r}"),))
    with transaction.atomic():
        _locked(id)
        return _publish(workflow, user, "", is_new=False)


def delete(id: str, *, user: Any = None) -> None:
    """Retire a workflow; its versions and runs stay, and runs that are active may end.

    Raises:
        NotEditable: it comes from another source, or is retired already.
    """
    with transaction.atomic(), authorship.writing(user):
        _locked(id).delete()
        retire(SOURCE, [id])


def definition_of(id: str) -> Definition:
    """Return what an editable workflow says, as it is kept.

    Raises:
        NotEditable: it comes from another source, or is retired.
    """
    row = WorkflowDefinition.objects.prefetch_related("steps").filter(pk=id).first()
    if row is None:
        raise NotEditable(_reason(id))
    return definition_rows.value_of(row)


def restore(workflow: Workflow, definition: Definition, *, user: Any = None, comment: str = "") -> Workflow:
    """Put an earlier definition of a workflow back in force, also after it was retired.

    Raises:
        InvalidWorkflow: it cannot be published any more; nothing is changed.
        NotEditable: the workflow comes from another source.
    """
    if workflow.source != SOURCE:
        raise NotEditable(_reason(workflow.id))
    with transaction.atomic():
        known = WorkflowDefinition.objects.select_for_update().filter(pk=workflow.id)
        return _publish(definition, user, comment, is_new=not known)


def problems(workflow: Definition) -> tuple[Problem, ...]:
    """Return why ``workflow`` could not be published; whether its id is free is not looked at."""
    try:
        _compiled(workflow)
    except InvalidWorkflow as error:
        return error.problems
    return ()


def id_problems(id: str) -> tuple[Problem, ...]:
    """Return why a new workflow cannot have this id."""
    if WorkflowDefinition.objects.filter(pk=id).exists():
        return (("id", f"{id!r} is taken"),)
    return conflicts(Plan(source=SOURCE, key=id, id=id))


def _compiled(workflow: Definition) -> Definition:
    """Check everything; return the value that is published.

    Raises:
        InvalidWorkflow: all problems at once, those of the columns too.
    """
    workflow = definition_rows.tidy(workflow)
    found: list[Problem] = []
    try:
        compiled = compiler.compile_workflow(workflow)
    except InvalidWorkflow as error:
        found += error.problems
    row, steps = definition_rows.rows_of(workflow)
    for path, message in definition_rows.column_problems(row, steps):
        if not any(told == path or told.startswith(f"{path}.") for told, _ in found):
            found.append((path, message))
    if found:
        raise InvalidWorkflow(tuple(found))
    return compiled


def _publish(workflow: Definition, user: Any, comment: str, *, is_new: bool) -> Workflow:
    compiled = _compiled(workflow)
    taken = id_problems(workflow.id) if is_new else ()
    if taken:
        raise InvalidWorkflow(taken)
    plan = Plan(source=SOURCE, key=workflow.id, id=workflow.id, definition=compiled)
    with transaction.atomic():
        _write(compiled, user, is_new=is_new)
        publish([plan], author=user, comment=comment)
        published = Workflow.objects.get(pk=workflow.id)
        if (published.source, published.source_key) != plan.key_pair:
            # Another source took the id between the look and the lock.
            raise InvalidWorkflow((("id", f"{workflow.id!r} is taken"),))
    return published


def _write(definition: Definition, user: Any, *, is_new: bool) -> None:
    row, steps = definition_rows.rows_of(definition)
    row.updated_by_id = getattr(user, "pk", None) or authorship.author()
    if is_new:
        try:
            with transaction.atomic():
                WorkflowDefinition.objects.bulk_create([row])
        except IntegrityError:
            raise InvalidWorkflow((("id", f"{row.id!r} is taken"),)) from None
    else:
        columns = {name: getattr(row, name) for name in _COLUMNS}
        found = WorkflowDefinition.objects.filter(pk=row.pk)
        found.update(**columns, updated_by=row.updated_by_id, updated_at=timezone.now())
        StepDefinition.objects.filter(workflow=row.pk).delete()
    StepDefinition.objects.bulk_create(steps, batch_size=500)


def _locked(id: str) -> WorkflowDefinition:
    row = WorkflowDefinition.objects.select_for_update().filter(pk=id).first()
    if row is None:
        raise NotEditable(_reason(id))
    return row


def _reason(id: str) -> str:
    known = Workflow.objects.filter(pk=id).first()
    if known is None:
        return f"There is no workflow {id!r}."
    if known.source == SOURCE:
        return f"{id} is retired; create it again, or roll it back to one of its versions."
    return f"{id} is not edited here: it comes from {known.source} {known.source_key}; change it there."
