"""What a serializer can tell of a body without the database."""

from collections.abc import Iterator
from typing import Any, NoReturn

from rest_framework.exceptions import ValidationError
from rest_framework.fields import Field, SkipField
from rest_framework.relations import ManyRelatedField, RelatedField
from rest_framework.serializers import BaseSerializer, Serializer

from windsock.django.storable import json_problem


def check(serializer: Serializer[Any], body: Any, *, is_whole: bool, limit: int) -> None:
    """Refuse a body at once for what needs no look into the database; the worker looks there.

    Args:
        serializer: made for this body alone, since it is taken apart.
        body: JSON data.
        is_whole: whether ``validate`` may see it: there is no row that it would compare with.
        limit: bytes of JSON that can be kept.

    Raises:
        ValidationError: by field.
    """
    _forget_database(serializer)
    if is_whole:
        serializer.is_valid(raise_exception=True)
    else:
        serializer.to_internal_value(body)
    if problem := json_problem(body, limit=limit):
        raise ValidationError({"non_field_errors": [f"The body cannot be kept: {problem}."]})


def write_only(serializer: Serializer[Any]) -> tuple[str, ...]:
    """Return the names of the fields that are taken and never shown."""
    return tuple(name for name, field in serializer.fields.items() if field.write_only)


def _forget_database(serializer: Serializer[Any]) -> None:
    parts = list(_parts(serializer))
    for part in parts:
        part.validators = [each for each in part.validators if not hasattr(each, "queryset")]
    relations = [part for part in parts if _is_relation(part) and not part.read_only]
    for part in relations:
        part.run_validation = _left_out(part)
    for part in parts if relations else ():
        if isinstance(part, BaseSerializer):
            # It may look at a relation, which nobody has found yet.
            part.validate = _unchanged  # type: ignore[attr-defined]


def _parts(field: Any) -> Iterator[Any]:
    yield field
    if _is_relation(field):
        return
    inner = list(field.fields.values()) if isinstance(field, Serializer) else []
    child = getattr(field, "child", None)
    for part in [*inner, child] if isinstance(child, Field) else inner:
        yield from _parts(part)


def _is_relation(field: Any) -> bool:
    return isinstance(field, RelatedField | ManyRelatedField)


def _left_out(field: Any) -> Any:
    """Say whether a relation is missing, and leave it out of the data."""

    def run_validation(data: Any) -> NoReturn:
        field.validate_empty_values(data)
        raise SkipField

    return run_validation


def _unchanged(attrs: Any) -> Any:
    return attrs
