"""What PostgreSQL can keep of what Python can say."""

import json
from typing import Any


def clean_text(text: str) -> str:
    """Return ``text`` without the two things that a text column refuses: NUL and lone surrogates."""
    replacement = "\N{REPLACEMENT CHARACTER}"
    return text.replace("\x00", replacement).encode("utf-8", "replace").decode()


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
