"""The forms of documents, taken from the dataclasses that read them."""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, get_args, get_origin

from windsock import wire
from windsock.django.api.documents import LARGEST
from windsock.workflow import Param, Retry, Schedule, Step, Workflow

Schema = dict[str, Any]

#: What the dataclasses of a workflow are called among the components; others are written where they stand.
NAMES: Mapping[type, str] = {
    Workflow: "WorkflowDocument",
    Step: "WorkflowStep",
    Schedule: "WorkflowSchedule",
    Retry: "WorkflowRetry",
    Param: "WorkflowParam",
}
_SCALARS: Mapping[Any, Schema] = {
    Any: {},
    bool: {"type": "boolean"},
    int: {"type": "integer", "minimum": -LARGEST, "maximum": LARGEST},
    float: {"type": "number"},
    str: {"type": "string"},
    datetime: {"type": "string", "format": "date-time"},
    timedelta: {"type": "number"},
}
#: A field and what its line says of it. PEP 224 was never accepted: only the source knows.
_SAID = re.compile(r"^ {4}(\w+): .*?#: (.+)$", re.MULTILINE)


def forms() -> dict[str, Schema]:
    """Return the components that make up a workflow's document."""
    return {name: form_of(kind) for kind, name in NAMES.items()}


def form_of(kind: type) -> Schema:
    """Return the form of a dataclass in JSON, for which its defaults may be left out."""
    said = _descriptions(kind)
    properties: dict[str, Schema] = {}
    needed: list[str] = []
    for key, (item, hint) in wire.keys(kind).items():
        properties[key] = _of(hint) | said.get(item.name, {}) | dict(_default(item))
        if item.default is MISSING and item.default_factory is MISSING:
            needed.append(key)
    required = {"required": needed} if needed else {}
    about = inspect.cleandoc(kind.__doc__ or "")
    return {
        "description": about,
        "type": "object",
        "properties": properties,
        **required,
        "additionalProperties": False,
    }


def changed(form: Schema) -> Schema:
    """Return the form of a body that names only what is to change."""
    return {name: part for name, part in form.items() if name != "required"}


def _of(hint: Any) -> Schema:
    bare = wire.without_none(hint)
    if bare is not hint:
        inner = _of(bare)
        return inner | {"type": [inner["type"], "null"]} if isinstance(inner.get("type"), str) else inner
    if is_dataclass(bare) and isinstance(bare, type):
        return {"$ref": f"#/components/schemas/{NAMES[bare]}"} if bare in NAMES else form_of(bare)
    origin = get_origin(bare)
    if origin is tuple:
        return {"type": "array", "items": _of(get_args(bare)[0])}
    if origin is not None:
        return {"type": "object", "additionalProperties": _of(get_args(bare)[1])}
    if isinstance(bare, type) and issubclass(bare, Enum):
        return {"type": "string", "enum": [each.value for each in bare]}
    return dict(_SCALARS[bare])


def _default(item: "Field[Any]") -> Iterator[tuple[str, Any]]:
    """Yield the default of a field where one word says it."""
    value = item.default
    if isinstance(value, Enum):
        yield "default", value.value
    elif isinstance(value, timedelta):
        yield "default", value.total_seconds()
    elif isinstance(value, str | int | float) or value is None:
        yield "default", value


@cache
def _descriptions(kind: type) -> dict[str, Schema]:
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):
        return {}
    return {name: {"description": _sentence(text)} for name, text in _SAID.findall(source)}


def _sentence(text: str) -> str:
    plain = text.replace("``", "`")
    return f"{plain[0].upper()}{plain[1:]}."
