"""Reading bodies: whatever cannot be read is refused by 400, before it costs time or memory."""

import json
import math
from collections.abc import Mapping
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict
from rest_framework.exceptions import ParseError
from rest_framework.parsers import FormParser, JSONParser

DEEPEST = 64  #: lists and objects inside each other


class JsonBody(JSONParser):
    """JSON in UTF-8, of a bounded length and depth."""

    most: int | None = None  #: bytes; never more than Django's DATA_UPLOAD_MAX_MEMORY_SIZE

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the data.

        Raises:
            ParseError: it is no JSON, or too much of it.
        """
        try:
            data = json.loads(_read(stream, self.most).decode(), parse_constant=_refuse_constant)
        except RecursionError:
            raise ParseError(f"The body is nested more than {DEEPEST} deep.") from None
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from None
        _check(data)
        return data


class DocumentBody(JsonBody):
    """JSON of at most a mebibyte, as a workflow's definition."""

    most = 2**20


class FormBody(FormParser):
    """A form in UTF-8, of a bounded length."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the data.

        Raises:
            ParseError: it has too many fields, or is too long.
        """
        try:
            return QueryDict(_read(stream), encoding="utf-8")
        except SuspiciousOperation as error:
            raise ParseError(str(error)) from None


def plain(data: Any) -> Any:
    """Return a form as the JSON that it stands for; JSON as it is."""
    if not isinstance(data, QueryDict):
        return data
    return {name: values if len(values) > 1 else values[-1] for name, values in data.lists()}


def _read(stream: Any, most: int | None = None) -> bytes:
    limits = [each for each in (django_settings.DATA_UPLOAD_MAX_MEMORY_SIZE, most) if each is not None]
    limit = min(limits, default=None)
    content: bytes = stream.read() if limit is None else stream.read(limit + 1)
    if limit is not None and len(content) > limit:
        raise ParseError(f"The body has more than {limit} bytes.")
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _check(data: Any) -> None:
    """Refuse what Python reads and PostgreSQL would not: numbers without an end, and depth without one."""
    left = [(data, 1)]
    while left:
        value, depth = left.pop()
        if isinstance(value, float) and not math.isfinite(value):
            raise ParseError("JSON parse error - a number is too large")
        if isinstance(value, dict | list):
            if depth > DEEPEST:
                raise ParseError(f"The body is nested more than {DEEPEST} deep.")
            parts = value.values() if isinstance(value, dict) else value
            left.extend((part, depth + 1) for part in parts)
