"""What PostgreSQL can keep of what Python can say."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from windsock.call import as_json
from windsock.workflow import Problem

_DEPTH = 1000  #: beyond which Python's JSON says itself what is wrong


def clean_text(text: str, *, limit: int | None = None) -> str:
    """Return ``text`` without the two things that a text column refuses: NUL and lone surrogates.

    Args:
        text: anything.
        limit: characters; of a longer text the beginning and the end are kept, > 100.
    """
    if limit is not None and len(text) > limit:
        half = limit // 2 - 20
        text = f"{text[:half]}\n... {len(text) - 2 * half} characters ...\n{text[-half:]}"
    replacement = "\N{REPLACEMENT CHARACTER}"
    return text.replace("\x00", replacement).encode("utf-8", "replace").decode()


def surely_exceeds(value: Any, limit: int) -> bool:
    """Whether ``value`` takes more than ``limit`` bytes of JSON, told without writing it down.

    It looks at no more than ``limit`` parts of it, and leaves out of account whatever it is not sure of.
    """
    size = 0
    left = [(value, 0)]
    while left and size <= limit:
        part, depth = left.pop()
        if depth > _DEPTH:
            return False
        size += 1
        if isinstance(part, str):
            size += len(part)
        elif isinstance(part, dict | list | tuple):
            if len(part) > limit:
                return True
            parts = [*part, *part.values()] if isinstance(part, dict) else part
            left.extend((each, depth + 1) for each in parts)
    return size > limit


def json_problem(value: Any, *, limit: int) -> str:
    """Return why a jsonb column cannot keep ``value``, or nothing.

    Args:
        value: JSON data.
        limit: bytes of JSON.
    """
    text = json.dumps(value, ensure_ascii=False)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "it holds half a character (a lone surrogate), which PostgreSQL cannot keep"
    if r"\u0000" in text:
        return "it holds the character NUL, which PostgreSQL cannot keep"
    if size > limit:
        return f"it has {size} bytes of JSON, the limit is {limit}"
    return ""


def text_problem(text: str) -> str:
    """Return why a column cannot keep ``text``, or nothing."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half a character (a lone surrogate), which the database cannot keep"
    return "holds the character NUL, which the database cannot keep" if "\x00" in text else ""


def data_problems(field: str, value: Any) -> Iterator[Problem]:
    """Yield why ``value`` cannot be kept as JSON in the database, at the part of ``field`` that cannot."""
    try:
        texts = list(strings(field, as_json(value), keys=True))
    except TypeError as error:
        yield field, str(error.__cause__ or error)
        return
    for where, text in texts:
        message = text_problem(text)
        if message:
            yield where, message


def strings(path: str, value: Any, *, keys: bool = False) -> Iterator[tuple[str, str]]:
    """Yield every text of JSON data with its path, which begins with ``path``.

    Args:
        path: of the data.
        value: JSON data.
        keys: also yield the keys of objects, at the path of the object.
    """
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if keys:
                yield path, key
            yield from strings(f"{path}.{key}", item, keys=keys)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from strings(f"{path}.{index}", item, keys=keys)
