"""What is never shown of a record: the arguments that its task declared as ``sensitive``.

The values stand in the record, since they are needed to run it; whoever shows a record asks here.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from windsock.django.models import TaskRun

MASK = "********"
SHORT = 4  #: characters; a shorter text is masked only where it stands as a word of its own

Hidden = Collection[str | int]  #: names of arguments and fields, and indices of positional arguments


def shown_args(run: TaskRun) -> list[Any]:
    """Return the positional arguments as they may be shown."""
    return masked_args(run.args, run.sensitive)


def shown_kwargs(run: TaskRun) -> dict[str, Any]:
    """Return the keyword arguments as they may be shown."""
    return masked(run.kwargs, run.sensitive)  # type: ignore[no-any-return]


def shown_input(run: TaskRun) -> Any:
    """Return what the caller sent as it may be shown; a field counts wherever it is nested."""
    return masked(run.input_data, run.sensitive)


def scrub(run: TaskRun, text: str) -> str:
    """Return ``text``, such as a traceback, without the sensitive values of ``run``."""
    return scrubber(run)(text) if run.sensitive and text else text


def scrubber(run: TaskRun) -> Callable[[str], str]:
    """Return what does so with any number of texts."""
    values = secrets(run)
    if not values:
        return lambda text: text
    pattern = re.compile("|".join(map(_pattern, values)))
    return lambda text: pattern.sub(MASK, text)


def secrets(run: TaskRun) -> list[str]:
    """Return the sensitive values of ``run`` in every form in which they may stand in a text."""
    values = {value for value in _secrets(run) if value.strip()} if run.sensitive else set()
    # The longest first, since one may be part of another.
    return sorted(values, key=lambda value: (-len(value), value))


def masked_args(args: Sequence[Any], hidden: Hidden) -> list[Any]:
    """Mask positional arguments by their index, and what they hold by name."""
    return [MASK if place in hidden else masked(value, hidden) for place, value in enumerate(args)]


def masked(value: Any, hidden: Hidden) -> Any:
    """Mask the values of named keys at any depth."""
    if not hidden:
        return value
    if isinstance(value, Mapping):
        return {key: MASK if key in hidden else masked(each, hidden) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [masked(each, hidden) for each in value]
    return value


def _secrets(run: TaskRun) -> Iterator[str]:
    for place, value in enumerate(run.args):
        if place in run.sensitive:
            yield from _texts(value)
    for value in (run.args, run.kwargs, run.input_data):
        yield from _named(value, run.sensitive)


def _named(value: Any, hidden: Hidden) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(each) if key in hidden else _named(each, hidden)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _named(each, hidden)


def _texts(value: Any) -> Iterator[str]:
    """Every way in which a value may stand in a text."""
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield from (value, repr(value)[1:-1], json.dumps(value)[1:-1])
        yield json.dumps(value, ensure_ascii=False)[1:-1]
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _pattern(value: str) -> str:
    if len(value) < SHORT or value.isdigit():
        return rf"(?<!\w){re.escape(value)}(?!\w)"
    return re.escape(value)
