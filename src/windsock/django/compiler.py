"""What must hold before a version exists, beyond what the core can tell: cron, tasks, params, templates."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from windsock import wire
from windsock.django import crons, params, tasks, uses
from windsock.django.conf import Settings, settings
from windsock.django.storable import data_problems, text_problem
from windsock.errors import InvalidWorkflow, UnknownTask
from windsock.workflow import Problem, Schedule, Step, Workflow, rules, validate

#: Longest texts that the columns take.
_LENGTHS = {"title": 250, "owner": 100}


def compile_workflow(workflow: Workflow) -> Workflow:
    """Return ``workflow`` with what its steps use filled in, and the project's queue where it has its own.

    Raises:
        InvalidWorkflow: it cannot be published; all problems are told at once.
    """
    problems = list(validate(workflow))
    problems += _cron_problems(workflow.schedule)
    problems += _text_problems(workflow)
    problems += _param_problems(workflow)
    problems += _argument_problems(workflow)
    problems += _task_problems(workflow)
    if problems:
        raise InvalidWorkflow(tuple(problems))
    steps = tuple(uses.filled_in(workflow, problems))
    if problems:
        raise InvalidWorkflow(tuple(problems))
    return replace(workflow, steps=tuple(map(_with_queue, steps)))


def _with_queue(step: Step) -> Step:
    # Airflow's side knows the default, so that the documents of most projects say nothing.
    is_default = step.queue or settings.QUEUE == Settings.QUEUE
    return step if is_default else replace(step, queue=settings.QUEUE)


def document_of(definition: Workflow) -> dict[str, Any]:
    """Return the document of a definition in the form in which the database gives it back."""
    document: dict[str, Any] = _as_kept(wire.to_json(definition))
    return document


def schedule_problems(schedule: Schedule) -> tuple[Problem, ...]:
    """Return what is wrong with a schedule alone; empty when it is sound."""
    return (*rules.schedule_problems(schedule), *_cron_problems(schedule))


def _cron_problems(schedule: Schedule) -> Iterator[Problem]:
    if isinstance(schedule.cron, str):
        return
    for index, expression in enumerate(schedule.cron):
        message = crons.problem(expression)
        if message:
            yield f"schedule.cron.{index}", message


def _text_problems(workflow: Workflow) -> Iterator[Problem]:
    for name, limit in _LENGTHS.items():
        if len(getattr(workflow, name)) > limit:
            yield name, f"is longer than {limit} letters"
    for where, text in _texts(workflow):
        message = text_problem(text)
        if message:
            yield where, message


def _texts(workflow: Workflow) -> Iterator[tuple[str, str]]:
    """Yield the texts in which every letter is allowed, with their fields."""
    yield from ((name, getattr(workflow, name)) for name in ("title", "description", "owner"))
    yield from ((f"tags.{index}", tag) for index, tag in enumerate(workflow.tags))
    yield from ((f"params.{name}.description", param.description) for name, param in workflow.params.items())
    for index, step in enumerate(workflow.steps):
        yield f"steps.{index}.pool", step.pool
        yield f"steps.{index}.queue", step.queue


def _param_problems(workflow: Workflow) -> Iterator[Problem]:
    for name, param in workflow.params.items():
        yield from params.definition_problems(name, param, is_manual=workflow.schedule.is_manual)


def _argument_problems(workflow: Workflow) -> Iterator[Problem]:
    for index, step in enumerate(workflow.steps):
        yield from data_problems(f"steps.{index}.args", list(step.args))
        yield from data_problems(f"steps.{index}.kwargs", dict(step.kwargs))


def _task_problems(workflow: Workflow) -> Iterator[Problem]:
    for index, step in enumerate(workflow.steps):
        try:
            tasks.resolve(step.task)
        except UnknownTask as error:
            yield f"steps.{index}.task", str(error)


def _as_kept(value: Any) -> Any:
    # jsonb knows neither 1e16 nor -0.0: a digest taken before would not be that of the document read back.
    if isinstance(value, float):
        whole = "e+" in repr(value)
        return int(value) if whole else value + 0.0
    if isinstance(value, dict):
        return {key: _as_kept(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_kept(item) for item in value]
    return value
