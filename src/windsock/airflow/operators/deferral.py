"""Whether an operator's arguments are complete when its DAG is parsed, and how they reach a trigger."""

import json
from collections.abc import Mapping
from typing import Any

_MARKS = ("{{", "{%", "{#")


def is_templated(value: Any) -> bool:
    """Whether a worker has to render it first: it holds Jinja, or the result of another task."""
    if isinstance(value, str):
        return any(mark in value for mark in _MARKS)
    if isinstance(value, Mapping):
        return any(is_templated(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple | set):
        return any(is_templated(part) for part in value)
    return hasattr(value, "resolve")


def as_document(task_id: str, value: Mapping[str, Any]) -> str:
    """Return JSON.

    Raises:
        TypeError: JSON cannot hold it; the message says which task, and what to do.
    """
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"The arguments of {task_id} cannot be sent to Django as JSON ({error}); "
            "pass texts, numbers, lists and dicts, such as the key of a row or a date's isoformat()"
        ) from error
