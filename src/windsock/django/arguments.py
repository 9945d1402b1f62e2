"""The arguments of a task's function by their names."""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@cache
def signature_of(function: Callable[..., Any], takes_context: bool) -> inspect.Signature:
    """Return the signature that a caller sees, without the context."""
    signature = inspect.signature(function)
    seen = list(signature.parameters.values())[1 if takes_context else 0 :]
    return signature.replace(parameters=seen)


def single(signature: inspect.Signature) -> set[str]:
    """Return the names of the arguments, without ``*args`` and ``**kwargs``."""
    return {each.name for each in signature.parameters.values() if each.kind not in _VARIADIC}


def takes_any_name(signature: inspect.Signature) -> bool:
    """Whether there is a ``**kwargs``."""
    return any(each.kind is inspect.Parameter.VAR_KEYWORD for each in signature.parameters.values())


def defaults(signature: inspect.Signature, names: Collection[str]) -> dict[str, Any]:
    """Return the defaults of those of ``names`` that have one."""
    found = {name: signature.parameters[name].default for name in names}
    return {name: value for name, value in found.items() if value is not inspect.Parameter.empty}


def bound(
    signature: inspect.Signature, names: Collection[str], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values that the named arguments have in a call.

    Raises:
        TypeError: the function cannot be called like this.
    """
    call = signature.bind(*args, **kwargs)
    call.apply_defaults()
    return {name: call.arguments[name] for name in names}


def places(signature: inspect.Signature, names: Collection[str], count: int) -> list[int]:
    """Return which of the first ``count`` positional arguments belong to ``names``, ascending."""
    found: list[int] = []
    for place, parameter in enumerate(signature.parameters.values()):
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL and parameter.name in names:
            return [*found, *range(place, count)]
        if parameter.kind in (*_VARIADIC, inspect.Parameter.KEYWORD_ONLY) or place >= count:
            break
        if parameter.name in names:
            found.append(place)
    return found
