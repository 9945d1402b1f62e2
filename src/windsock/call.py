"""A call is data: a function's path and arguments in, an outcome out.

``execute`` never raises for what the function does: a failure is part of the outcome.
"""

import importlib
import json
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from windsock.errors import FailWithoutRetry, Skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A function and the arguments it gets, as data."""

    function: str  #: "package.module.function"
    args: tuple[Any, ...] = ()  #: JSON data
    kwargs: Mapping[str, Any] = field(default_factory=dict)  #: JSON data


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a call came to nothing."""

    exception: str  #: "package.module.Class"
    message: str
    traceback: str = ""
    retry: bool = True  #: whether another try makes sense


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a call came to: a value, a failure, or a skip."""

    value: Any = None  #: JSON data
    failure: Failure | None = None
    skipped: bool = False
    message: str = ""  #: why it was skipped

    @property
    def succeeded(self) -> bool:
        """Whether the function returned."""
        return self.failure is None and not self.skipped


def execute(call: Call, resolve: Callable[[str], Callable[..., Any]] | None = None) -> Outcome:
    """Run ``call`` in this process.

    Args:
        call: what to run.
        resolve: turns the path into a function; by default the path is imported.

    Returns:
        The outcome; that of a function which returns an ``Outcome`` itself is passed on. ``SystemExit`` and
        ``KeyboardInterrupt`` pass through.
    """
    try:
        value = (resolve or import_function)(call.function)(*call.args, **call.kwargs)
        outcome = value if isinstance(value, Outcome) else Outcome(value=value)
        return replace(outcome, value=as_json(outcome.value))
    except Skip as skip:
        return Outcome(skipped=True, message=str(skip))
    except Exception as error:
        return Outcome(failure=describe(error))


def import_function(path: str) -> Callable[..., Any]:
    """Import the function at a dotted path.

    Raises:
        ImportError: there is no such module or attribute.
    """
    module, _, name = path.rpartition(".")
    if not module:
        raise ImportError(f"{path!r} is not a dotted path")
    try:
        function = getattr(importlib.import_module(module), name)
    except AttributeError:
        raise ImportError(f"module {module!r} has no function {name!r}") from None
    if not callable(function):
        raise ImportError(f"{path!r} is not callable")
    return function  # type: ignore[no-any-return]


def describe(error: BaseException) -> Failure:
    """Turn an exception into data, with its traceback as Python prints it."""
    kind = type(error)
    return Failure(
        exception=f"{kind.__module__}.{kind.__qualname__}",
        message=_message(error) or kind.__name__,
        traceback=_printable("".join(traceback.format_exception(error))),
        retry=not isinstance(error, FailWithoutRetry),
    )


def as_json(value: Any) -> Any:
    """Return ``value`` as plain JSON data.

    Raises:
        TypeError: JSON cannot hold it; the message says what to do.
    """
    try:
        return json.loads(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"the result cannot be kept as JSON ({error}); "
            "return dicts, lists, strings, numbers, booleans or None"
        ) from error


def _message(error: BaseException) -> str:
    try:
        return _printable(str(error))
    except Exception:
        return f"{type(error).__name__} (its text cannot be shown)"


def _printable(text: str) -> str:
    """Escape what UTF-8 cannot hold, such as a file name in another encoding."""
    return text.encode(errors="backslashreplace").decode()
