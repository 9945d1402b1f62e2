"""What operators that wait in the triggerer share: when they need a worker, and how they say what to do."""

import json
from collections.abc import Mapping
from typing import Any

CONNECTION = "django_default"  #: the connection that is used when none is named

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


def needs_worker(task: Any) -> bool:
    """Whether only a worker can end a task well: it tells who listens to assets, and how long a list is."""
    return bool(task.outlets) or any(True for _ in task.iter_mapped_dependants())


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
