"""Which functions and which counts of rows sensors in Airflow may ask for."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from asgiref.sync import async_to_sync
from django.db.models import Model
from django.utils.module_loading import autodiscover_modules

from windsock.call import as_json
from windsock.django.service.counting import Countable, NotCountable

F = TypeVar("F", bound=Callable[..., Any])

_checks: dict[str, Callable[..., Any]] = {}
_countables: dict[str, Countable] = {}


class Refused(Exception):
    """What was asked for is not offered, or not in this form.

    Args:
        field: of the request.
        message: what is wrong with it.
    """

    def __init__(self, field: str, message: str) -> None:
        self.field, self.message = field, message
        super().__init__(f"{field}: {message}")


def check(function: F) -> F:
    """Let sensors call a function, by its path ``"shop.checks.stock_arrived"``; usable as a decorator.

    It returns whether what is waited for is there, or JSON data about it that counts as true. It is called
    again and again, in a thread of the web server: it should be quick, and change nothing.
    """
    _checks[f"{function.__module__}.{function.__qualname__}"] = function
    return function


def countable(
    model: type[Model], *, fields: Iterable[str], rows: Callable[[], Any] | None = None
) -> type[Model]:
    """Let sensors count the rows of a model.

    Args:
        model: is asked for by its label, "shop.Order".
        fields: by which rows may be chosen; fields of other models are named in full, "customer__country".
            Whoever may ask can find out their values by counting: name nothing that is secret.
        rows: returns the queryset that is counted; by default all rows.

    Returns:
        The model.

    Raises:
        NotCountable: it has no such field.
    """
    _countables[model._meta.label] = Countable(model, frozenset(fields), rows)
    return model


def autodiscover() -> None:
    """Import the module ``checks`` of every installed app; many keep Django's own checks there as well."""
    autodiscover_modules("checks")


def call_check(name: str, kwargs: Mapping[str, Any]) -> Any:
    """Call a registered check, sync or async, and return what it says as JSON data.

    Raises:
        Refused: none is registered under this name, or it takes other arguments.
        Exception: whatever it raises.
    """
    function = _checks.get(name)
    if function is None:
        raise Refused("check", f"No check is registered as {name!r}; decorate the function with @check.")
    try:
        inspect.signature(function).bind(**kwargs)
    except TypeError as error:
        raise Refused("kwargs", str(error)) from None
    called = async_to_sync(function) if inspect.iscoroutinefunction(function) else function
    return as_json(called(**kwargs))


def count(label: str, filter: Mapping[str, Any], at_least: int) -> int:
    """Return how many rows of a registered model there are, up to ``at_least``.

    Raises:
        Refused: it is not registered, or not with these fields, or a value does not fit.
    """
    found = _countables.get(label)
    if found is None:
        raise Refused("model", f"{label!r} is not registered; name it and its fields by countable(...).")
    try:
        return found.count(filter, at_least)
    except NotCountable as error:
        raise Refused("filter", str(error)) from None
