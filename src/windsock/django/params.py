"""Params: what their JSON schemas must be, and what a run may be given."""

from collections.abc import Iterator, Mapping
from typing import Any

from windsock import wire
from windsock.django.storable import data_problems
from windsock.workflow import Param, Problem


def definition_problems(name: str, param: Param, *, is_manual: bool) -> Iterator[Problem]:
    """Yield what is wrong with a param of a workflow.

    Args:
        name: of the param.
        param: its definition.
        is_manual: whether the workflow runs only when asked; else nobody could give a value.
    """
    where = f"params.{name}"
    unkept = [
        *data_problems(f"{where}.default", param.default),
        *data_problems(f"{where}.schema", param.schema),
    ]
    if unkept:
        yield from unkept
        return
    if "default" in param.schema and param.schema["default"] != param.default:
        yield f"{where}.schema.default", "is not the param's own default; give it there"
    try:
        found = _value_problems(f"{where}.default", param.default, param)
    except _UnsoundSchema as error:
        yield from ((f"{where}.schema.{path}".rstrip("."), message) for path, message in error.args[0])
        return
    if param.default is not None:
        yield from found
    elif found and not is_manual:
        yield f"{where}.default", "a workflow that runs by itself needs a default that the schema allows"


def problems(document: Mapping[str, Any], given: Mapping[str, Any]) -> list[Problem]:
    """Return why a run of a published document cannot be given these params; empty when it can.

    Airflow would pass over unknown names, and tell the rest only when it starts the run.
    """
    params = _params_of(document)
    known = f"known are {', '.join(params)}" if params else "it has none"
    found = [(f"params.{name}", f"there is no such param; {known}") for name in given if name not in params]
    for name, param in params.items():
        if name in given:
            found += _given_problems(f"params.{name}", given[name], param)
        elif is_required(param):
            found.append((f"params.{name}", "must be given: it has no default"))
    return found


def merged(document: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of every param of a run: what was given, else its default."""
    return {name: given.get(name, param.default) for name, param in _params_of(document).items()}


def is_required(param: Param) -> bool:
    """Whether a run must give the param: it has no default, and its schema allows no null."""
    if param.default is not None:
        return False
    try:
        return bool(_value_problems("", None, param))
    except _UnsoundSchema:
        return False


def _params_of(document: Mapping[str, Any]) -> dict[str, Param]:
    params = document.get("params", {})
    return {name: wire.from_json(Param, value, path=f"params.{name}") for name, value in params.items()}


def _given_problems(where: str, value: Any, param: Param) -> list[Problem]:
    unkept = list(data_problems(where, value))
    if unkept:
        return unkept
    try:
        return _value_problems(where, value, param)
    except _UnsoundSchema as error:
        return [(where, f"its schema is not sound: {message}") for _, message in error.args[0]]


def _value_problems(where: str, value: Any, param: Param) -> list[Problem]:
    """Return why a value does not fit.

    Raises:
        _UnsoundSchema: with the schema's problems as (path in it, message).
    """
    from windsock.django import param_schemas

    try:
        return list(param_schemas.value_problems(where, value, wire.canonical(param.schema)))
    except param_schemas.InvalidSchema as error:
        raise _UnsoundSchema(error.args[0]) from None


class _UnsoundSchema(Exception):
    """A schema cannot be used; holds its problems."""
