"""What a worker does for a tracked view set, in the phases that people see as progress."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any, cast

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError, IntegrityError, router, transaction
from django.db.models import Model, ProtectedError, RestrictedError
from django.http import Http404
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import as_serializer_error

from windsock.django.actions.keeping import keep
from windsock.django.actions.tasks import alias
from windsock.django.api.phrases import Phrases
from windsock.django.context import TaskContext
from windsock.django.execution import Refused

#: Per cent after each phase.
CHECKED, VALIDATED, SAVED = 20, 40, 90

Deed = Callable[[Any, TaskContext, Phrases], dict[str, Any]]


def _list(view: Any, context: TaskContext, phrases: Phrases) -> dict[str, Any]:
    rows = view.filter_queryset(view.get_queryset())
    context.progress(CHECKED)
    page = view.paginate_queryset(rows)
    data = _json(view.get_serializer(rows if page is None else page, many=True).data)
    links = {} if page is None else _json(view.get_paginated_response(data).data)
    links.pop("results", None)
    return {"success": True, "count": len(data), **links, phrases.key: data, "message": phrases.succeeded("")}


def _retrieve(view: Any, context: TaskContext, phrases: Phrases) -> dict[str, Any]:
    row = view.get_object()
    context.progress(CHECKED)
    context.relate(row.pk)
    return _done(view, phrases, row) | {phrases.key: _json(view.get_serializer(row).data)}


def _create(view: Any, context: TaskContext, phrases: Phrases) -> dict[str, Any]:
    context.progress(CHECKED)
    serializer = view.get_serializer(data=view.request.data)
    serializer.is_valid(raise_exception=True)
    context.progress(VALIDATED)

    def save() -> Model:
        view.perform_create(serializer)
        return cast(Model, serializer.instance)

    return _saved(view, context, phrases, save)


def _update(view: Any, context: TaskContext, phrases: Phrases) -> dict[str, Any]:
    row = view.get_object()
    context.progress(CHECKED)
    partial = view.action == "partial_update"
    serializer = view.get_serializer(row, data=view.request.data, partial=partial)
    serializer.is_valid(raise_exception=True)
    context.progress(VALIDATED)

    def save() -> Model:
        view.perform_update(serializer)
        return cast(Model, serializer.instance)

    return _saved(view, context, phrases, save)


def _destroy(view: Any, context: TaskContext, phrases: Phrases) -> dict[str, Any]:
    row = view.get_object()
    context.progress(CHECKED)
    gone: Model = copy(row)  # deleting takes the key
    context.progress(VALIDATED)

    def delete() -> Model:
        view.perform_destroy(row)
        return gone

    return _saved(view, context, phrases, delete)


DEEDS: dict[str, Deed] = {
    "list": _list,
    "retrieve": _retrieve,
    "create": _create,
    "update": _update,
    "partial_update": _update,
    "destroy": _destroy,
}


def _saved(view: Any, context: TaskContext, phrases: Phrases, change: Callable[[], Model]) -> dict[str, Any]:
    """Change a row and keep the result in the record in one transaction, so that both are there or neither.

    An attempt that is interrupted at its commit is repeated, and must not change the row once more.
    """
    using = router.db_for_write(view.get_queryset().model)
    with transaction.atomic(using=using):
        row = change()
        result = _done(view, phrases, row)
        if using == alias():
            keep(context.run, result, related_id=str(row.pk))
    context.relate(row.pk)
    context.progress(SAVED)
    return result


def _done(view: Any, phrases: Phrases, row: Model) -> dict[str, Any]:
    subject = getattr(row, view.naming_field() or "pk", row.pk)
    return {"success": True, f"{phrases.key}_id": str(row.pk), "message": phrases.succeeded(str(subject))}


@contextmanager
def explained(message: str, *, hide: Callable[[str], str] = str) -> Iterator[None]:
    """Turn every refusal inside the block into one that names the field.

    Args:
        message: what was not done.
        hide: takes sensitive values out of a text.

    Raises:
        Refused: with ``message`` and the errors by field.
    """
    try:
        with _translated(message):
            yield
    except Refused as refusal:
        refusal.errors = {name: _hidden(each, hide) for name, each in refusal.errors.items()}
        raise


@contextmanager
def _translated(message: str) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        detail = _json(error.detail)
        raise Refused(
            message, detail if isinstance(detail, dict) else {"non_field_errors": detail}
        ) from error
    except (Http404, NotFound) as error:
        raise Refused(message, {"id": ["There is no such row, or you may not see it."]}) from error
    except APIException as error:
        raise Refused(message, {"detail": [str(error.detail)]}) from error
    except DjangoPermissionDenied as error:
        raise Refused(message, {"detail": [str(error) or "Permission denied."]}) from error
    except DjangoValidationError as error:
        raise Refused(message, _json(as_serializer_error(error))) from error
    except (ProtectedError, RestrictedError) as error:
        raise Refused(message, {"id": [str(error.args[0])]}) from error
    except DataError as error:
        raise Refused(message, {"non_field_errors": [str(error).partition("\n")[0]]}) from error
    except IntegrityError as error:
        raise Refused(message, _fields(error)) from error


def _hidden(errors: Any, hide: Callable[[str], str]) -> Any:
    if isinstance(errors, dict):
        return {name: _hidden(each, hide) for name, each in errors.items()}
    if isinstance(errors, list):
        return [_hidden(each, hide) for each in errors]
    return hide(errors) if isinstance(errors, str) else errors


def _fields(error: IntegrityError) -> dict[str, list[str]]:
    """Which columns a constraint of the database is about."""
    diagnosis = getattr(error.__cause__, "diag", None)
    found = re.search(r"Key \((.+?)\)=", (diagnosis and diagnosis.message_detail) or "")
    columns = found.group(1).split(", ") if found else [(diagnosis and diagnosis.column_name) or ""]
    text = (diagnosis and diagnosis.message_primary) or str(error)
    if diagnosis and diagnosis.sqlstate == "23505":
        text = "This value is already taken."
    return {column.strip('"') or "non_field_errors": [text] for column in columns}


def _json(data: Any) -> Any:
    return json.loads(JSONRenderer().render(data) or "null")
