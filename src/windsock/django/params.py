"""Params: what their JSON schemas must be, and what a run may be given."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from windsock import wire
from windsock.django.storable import data_problems
from windsock.workflow import Param, Problem, schemas

_LONGEST_MESSAGE, _MOST_MESSAGES = 300, 10
#: Source: RFC 3339, 5.6.
_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z", re.ASCII | re.IGNORECASE
)
#: Source: RFC 3339, appendix A.
_DURATION = re.compile(r"P(?=.)(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?)\Z", re.ASCII)


def _is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    return bool(_DATE_TIME.match(value)) and datetime.fromisoformat(value.upper()) is not None


def _is_duration(value: object) -> bool:
    return not isinstance(value, str) or bool(_DURATION.match(value))


#: What the library checks by itself; the others depend on what else is installed, here and beside Airflow.
_formats = FormatChecker()
_formats.checks("date-time", raises=ValueError)(_is_date_time)
_formats.checks("duration")(_is_duration)


class _InvalidSchema(Exception):
    """A schema cannot be used; holds its problems."""


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
        validator = _validator_of(param)
    except _InvalidSchema as error:
        yield from ((f"{where}.schema.{path}".rstrip("."), message) for path, message in error.args[0])
        return
    found = list(_value_problems(f"{where}.default", param.default, validator))
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
        return any(_value_problems("", None, _validator_of(param)))
    except _InvalidSchema:
        return False


def _params_of(document: Mapping[str, Any]) -> dict[str, Param]:
    params = document.get("params", {})
    return {name: wire.from_json(Param, value, path=f"params.{name}") for name, value in params.items()}


def _given_problems(where: str, value: Any, param: Param) -> list[Problem]:
    unkept = list(data_problems(where, value))
    if unkept:
        return unkept
    try:
        return list(_value_problems(where, value, _validator_of(param)))
    except _InvalidSchema as error:
        return [(where, f"its schema is not sound: {message}") for _, message in error.args[0]]


def _value_problems(where: str, value: Any, validator: Draft202012Validator) -> Iterator[Problem]:
    try:
        for error in islice(validator.iter_errors(value), _MOST_MESSAGES):
            path = ".".join((where, *(str(part) for part in error.absolute_path)))
            yield path, _short(error.message)
    except RecursionError:
        yield where, "the schema refers to itself without an end"


def _validator_of(param: Param) -> Draft202012Validator:
    return _validator(wire.canonical(param.schema))


@lru_cache(maxsize=4096)
def _validator(schema: bytes) -> Draft202012Validator:
    """Return the validator of a schema, given as JSON; checking one takes a millisecond.

    Raises:
        _InvalidSchema: with its problems as (path in the schema, message).
    """
    document = json.loads(schema)
    found = list(schemas.problems(document))
    try:
        Draft202012Validator.check_schema(document)
    except SchemaError as error:
        found.append((".".join(str(part) for part in error.absolute_path), _short(error.message)))
    except RecursionError:
        found.append(("", "is nested too deeply"))
    if not found:
        found = list(_dangling(document))
    if found:
        raise _InvalidSchema(found)
    # Without a registry of its own the library would fetch what a reference names.
    return Draft202012Validator(document, registry=Registry(), format_checker=_formats)


def _dangling(schema: Mapping[str, Any]) -> Iterator[Problem]:
    resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
    for where, target in schemas.references(schema):
        try:
            resolver.lookup(target)
        except Unresolvable:
            yield where, f"{target!r} is not in the schema"


def _short(message: str) -> str:
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]} ..."
