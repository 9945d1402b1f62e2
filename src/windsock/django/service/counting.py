"""Counting rows for somebody who must not learn more than their number."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DataError
from django.db.models import Field, ForeignKey, Model

#: Ways to compare that read an index or a row, and no more.
LOOKUPS = frozenset(
    {"exact", "iexact", "in", "gt", "gte", "lt", "lte", "isnull", "range", "date", "startswith", "contains"}
)
MOST_VALUES = 1000  #: in one comparison


class NotCountable(Exception):
    """Rows cannot be chosen like this."""


@dataclass(frozen=True, slots=True)
class Countable:
    """A model whose rows may be counted."""

    model: type[Model]
    fields: frozenset[str]  #: by which rows may be chosen, "status" or "customer__country"
    rows: Callable[[], Any] | None = None  #: returns the queryset; None: all rows

    def __post_init__(self) -> None:
        for name in self.fields:
            self._field(name)

    def count(self, filter: Mapping[str, Any], at_least: int) -> int:
        """Return how many rows fit, at most ``at_least``.

        Raises:
            NotCountable: the filter names another field or comparison, or a value does not fit.
        """
        for name, value in filter.items():
            self._check(name, value)
        rows = self.model._default_manager.all() if self.rows is None else self.rows()
        try:
            # A slice, so that a table of millions is not read for "at least one".
            return int(rows.filter(**filter).order_by()[:at_least].count())
        except (ValueError, TypeError, ValidationError, DataError) as error:
            text = "; ".join(error.messages) if isinstance(error, ValidationError) else str(error)
            raise NotCountable(text) from None

    def _check(self, name: str, value: Any) -> None:
        field, _, lookup = name.rpartition("__")
        if name in self.fields:
            field, lookup = name, "exact"
        if field not in self.fields:
            offered = ", ".join(sorted(self.fields)) or "none"
            raise NotCountable(f"{name}: rows are chosen by other fields: {offered}")
        if lookup not in LOOKUPS:
            raise NotCountable(f"{name}: rows are compared by other lookups: {', '.join(sorted(LOOKUPS))}")
        if isinstance(value, list) and len(value) > MOST_VALUES:
            raise NotCountable(f"{name}: more than {MOST_VALUES} values")

    def _field(self, path: str) -> "Field[Any, Any] | ForeignKey[Any, Any]":
        model: Any = self.model
        found: Any = None
        for name in path.split("__"):
            try:
                found = model._meta.pk if name == "pk" else model._meta.get_field(name)
            except (FieldDoesNotExist, AttributeError):
                raise NotCountable(f"{self.model._meta.label} has no field {path!r}") from None
            model = found.related_model
        return found  # type: ignore[no-any-return]
