"""What must hold before a version exists, beyond what the core can tell: cron, tasks, templates, data."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from croniter import CroniterBadDateError, CroniterError, croniter

from windsock import wire
from windsock.call import as_json
from windsock.django import rendering, tasks
from windsock.errors import InvalidWorkflow, UnknownTask
from windsock.workflow import Problem, Step, Workflow, validate

#: Source: Airflow 3.3, ``airflow.utils.dates.cron_presets``.
CRON_PRESETS = frozenset({"@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly"})
_CRON_FORM = "use five fields, such as '30 6 * * 1-5', or one of " + ", ".join(sorted(CRON_PRESETS))
#: Longest texts that the columns take; Airflow keeps 100 letters of a tag.
_LENGTHS = {"title": 250, "owner": 100}
_TAG_LENGTH = 100
_METHODS = frozenset({"get", "items", "keys", "values"})
_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC)


def compile_workflow(workflow: Workflow) -> Workflow:
    """Return ``workflow`` with the ``uses`` of its steps filled in.

    Raises:
        InvalidWorkflow: it cannot be published; all problems are told at once.
    """
    problems = list(validate(workflow))
    problems += _cron_problems(workflow)
    problems += _length_problems(workflow)
    problems += _data_problems_of(workflow)
    problems += _task_problems(workflow)
    if problems:
        raise InvalidWorkflow(tuple(problems))
    steps = tuple(_with_uses(workflow, problems))
    if problems:
        raise InvalidWorkflow(tuple(problems))
    return replace(workflow, steps=steps)


def document_of(definition: Workflow) -> dict[str, Any]:
    """Return the document of a definition in the form in which the database gives it back."""
    document: dict[str, Any] = _as_kept(wire.to_json(definition))
    return document


@lru_cache(maxsize=4096)
def cron_problem(expression: str) -> str:
    """Return what is wrong with a cron expression or preset; empty when it is sound."""
    if expression in CRON_PRESETS:
        return ""
    if len(expression.split()) != 5:
        return f"{expression!r} is not a cron expression; {_CRON_FORM}"
    # croniter draws "R" anew at each reading: the schedule would be another one in every process.
    if any(field[:1] in "rRhH" for field in expression.split()):
        return f"{expression!r} has a random or hashed field; {_CRON_FORM}"
    try:
        croniter(expression, _SOME_DAY).get_next(datetime)
    except CroniterBadDateError:
        return f"{expression!r} names a day that never comes"
    except (CroniterError, ValueError, KeyError) as error:
        return f"{expression!r} is not a cron expression ({error}); {_CRON_FORM}"
    return ""


def _cron_problems(workflow: Workflow) -> Iterator[Problem]:
    for index, expression in enumerate(workflow.schedule.cron):
        message = cron_problem(expression)
        if message:
            yield f"schedule.cron.{index}", message


def _length_problems(workflow: Workflow) -> Iterator[Problem]:
    for name, limit in _LENGTHS.items():
        if len(getattr(workflow, name)) > limit:
            yield name, f"is longer than {limit} letters"
    for index, tag in enumerate(workflow.tags):
        if len(tag) > _TAG_LENGTH:
            yield f"tags.{index}", f"is longer than {_TAG_LENGTH} letters"


def _task_problems(workflow: Workflow) -> Iterator[Problem]:
    for index, step in enumerate(workflow.steps):
        try:
            tasks.resolve(step.task)
        except UnknownTask as error:
            yield f"steps.{index}.task", str(error)


def _data_problems_of(workflow: Workflow) -> Iterator[Problem]:
    for name, param in workflow.params.items():
        yield from data_problems(f"params.{name}.default", param.default)
        yield from data_problems(f"params.{name}.schema", param.schema)
    for index, step in enumerate(workflow.steps):
        yield from data_problems(f"steps.{index}.args", list(step.args))
        yield from data_problems(f"steps.{index}.kwargs", dict(step.kwargs))


def data_problems(field: str, value: Any) -> Iterator[Problem]:
    """Yield why ``value`` cannot be kept as JSON in the database."""
    try:
        strings = list(_strings(field, as_json(value), keys=True))
    except TypeError as error:
        yield field, str(error.__cause__ or error)
        return
    for where, text in strings:
        # Source: PostgreSQL manual, 8.14: jsonb holds neither \u0000 nor half a surrogate pair.
        if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
            yield where, "holds a character that the database cannot keep"


def _strings(path: str, value: Any, *, keys: bool = False) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if keys:
                yield path, key
            yield from _strings(f"{path}.{key}", item, keys=keys)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _strings(f"{path}.{index}", item, keys=keys)


def _with_uses(workflow: Workflow, problems: list[Problem]) -> Iterator[Step]:
    """Yield the steps with their ``uses``; what is wrong with their templates goes into ``problems``."""
    upstream: dict[str, set[str]] = {}
    for index, step in enumerate(workflow.steps):
        templates = {
            path: text
            for where, value in (("args", list(step.args)), ("kwargs", step.kwargs))
            for path, text in _strings(f"steps.{index}.{where}", value)
            if rendering.is_template(text)
        }
        used: set[str] = set()
        for path, text in templates.items():
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


def _upstream(workflow: Workflow) -> dict[str, set[str]]:
    """Return for each step the names of all steps that end before it begins."""
    before: dict[str, set[str]] = {}
    for step in workflow.in_order():
        before[step.name] = set(step.after).union(*(before[name] for name in step.after))
    return before


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
