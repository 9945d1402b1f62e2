"""What PostgreSQL can keep of what Python can say."""

import json
from typing import Any

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
