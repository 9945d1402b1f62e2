"""Lists in pages: by number where rows are few, along the time-ordered key where they are many."""

import base64
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination, PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

OLDEST, NEWEST = "created_at", "-created_at"
_LARGEST = (1 << 128) - 1


class Pages(PageNumberPagination):
    """``{"count", "next", "previous", "results"}``; ``?page_size=`` up to 200."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list between two rows, and which way to go from there."""

    key: UUID  #: of the row just behind
    is_back: bool = False  #: towards the list's beginning

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Read what ``str()`` wrote.

        Raises:
            ValueError: it is something else.
        """
        content = base64.b64decode(text.encode("ascii") + b"=", altchars=b"-_", validate=True)
        if len(content) != 17 or content[0] > 1:
            raise ValueError("not a cursor")
        return cls(key=UUID(bytes=content[1:]), is_back=bool(content[0]))

    def __str__(self) -> str:
        content = bytes([self.is_back]) + self.key.bytes
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class KeyPages(BasePagination):
    """``{"next", "previous", "results"}`` of rows whose ``id`` grows with time; nothing is counted.

    ``?ordering=created_at`` or ``-created_at``, ``?page_size=`` up to 200, and ``?cursor=`` from a link.
    """

    page_size = 50
    max_page_size = 200
    fields: tuple[str, ...] = ()  #: what is read of a row

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Read one page.

        Raises:
            ValidationError: a value cannot be; it names the parameter.
        """
        query = request.query_params
        self._address = request.build_absolute_uri()
        self._newest_first = _ordering(query.get("ordering", "")) == NEWEST
        self._cursor = _cursor(query.get("cursor", ""))
        size = _size(query.get("page_size", ""), default=self.page_size, most=self.max_page_size)
        is_back = self._cursor is not None and self._cursor.is_back
        down = self._newest_first != is_back
        order = "-id" if down else "id"
        if self._cursor:
            queryset = queryset.filter(**{"id__lt" if down else "id__gt": self._cursor.key})
        # The keys come first, from an index alone: else PostgreSQL may look for an owner's rows along all
        # keys, which takes long when they are old.
        keys = queryset.order_by(order).values("pk")[: size + 1]
        rows = queryset.model._default_manager.using(queryset.db).filter(pk__in=keys).order_by(order)
        found = list(rows.only(*self.fields))
        self._has_more = len(found) > size
        self._rows = found[:size]
        if is_back:
            self._rows.reverse()
        return self._rows

    def get_paginated_response(self, data: Any) -> Response:
        """Answer with the page and the links to its neighbours."""
        return Response({"next": self._next(), "previous": self._previous(), "results": data})

    def _next(self) -> str | None:
        came_back = self._cursor is not None and self._cursor.is_back
        return self._link(-1, is_back=False) if came_back or self._has_more else None

    def _previous(self) -> str | None:
        if self._cursor is None or (self._cursor.is_back and not self._has_more):
            return None
        return self._link(0, is_back=True)

    def _link(self, place: int, *, is_back: bool) -> str:
        if self._rows:
            key = self._rows[place].pk
        else:
            # Nothing lies on this side of the cursor; back over it, its own row included.
            down = self._newest_first != is_back
            at = self._cursor.key.int if self._cursor else 0
            key = UUID(int=min(at + 1, _LARGEST) if down else max(at - 1, 0))
        return replace_query_param(self._address, "cursor", str(Cursor(key=key, is_back=is_back)))


def _ordering(value: str) -> str:
    if value not in {"", OLDEST, NEWEST}:
        raise ValidationError({"ordering": [f"Choose one of {OLDEST}, {NEWEST}."]})
    return value or NEWEST


def _cursor(value: str) -> Cursor | None:
    try:
        return Cursor.read(value) if value else None
    except ValueError:
        raise ValidationError({"cursor": ["Take the cursor from a link of this list."]}) from None


def _size(value: str, *, default: int, most: int) -> int:
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 9 and 1 <= int(value) <= most):
        raise ValidationError({"page_size": [f"Give a whole number from 1 to {most}."]})
    return int(value)
