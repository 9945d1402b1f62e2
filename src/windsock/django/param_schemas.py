"""JSON schemas of params, with the library that checks them; loaded when a workflow has params.

It takes a quarter of a second and 11 MB, which most processes of most projects need not have.
"""

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

from windsock.workflow import Problem, schemas

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


class InvalidSchema(Exception):
    """A schema cannot be used; holds its problems."""


def value_problems(where: str, value: Any, schema: bytes) -> Iterator[Problem]:
    """Yield why a value does not fit a schema, given as JSON.

    Raises:
        InvalidSchema: with the schema's problems as (path in it, message).
    """
    try:
        for error in islice(validator(schema).iter_errors(value), _MOST_MESSAGES):
            path = ".".join((where, *(str(part) for part in error.absolute_path)))
            yield path, _short(error.message)
    except RecursionError:
        yield where, "the schema refers to itself without an end"


@lru_cache(maxsize=4096)
def validator(schema: bytes) -> Draft202012Validator:
    """Return the validator of a schema, given as JSON; checking one takes a millisecond.

    Raises:
        InvalidSchema: with its problems as (path in the schema, message).
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
        raise InvalidSchema(found)
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
