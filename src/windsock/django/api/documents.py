"""Values out of the JSON that people send: whatever is unknown or of a wrong type is told with its place.

``windsock.wire`` reads what another version of Windsock wrote and passes over what it does not know; who
writes by hand means every key.
"""

from dataclasses import MISSING, dataclass, field, is_dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import Enum
from typing import Any, TypeVar, get_args, get_origin

from rest_framework.exceptions import ValidationError

from windsock import wire
from windsock.django.storable import clean_text
from windsock.workflow import Problem, Workflow

T = TypeVar("T")

MOST_PROBLEMS = 100  #: that are told at once
LARGEST = 2**31 - 1  #: whole number that the columns take, here and in Airflow
LONGEST = timedelta(days=36_525)
YEARS = range(1900, 3000)
_PLACE_LENGTH = 500
_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    dict: "an object",
    list: "a list",
    type(None): "null",
}


def read(kind: type[T], data: Any, path: str = "") -> T:
    """Return the value that JSON stands for.

    Args:
        kind: a dataclass such as those of the core.
        data: JSON data.
        path: where it stands in the body.

    Raises:
        ValidationError: all that is wrong, by place.
    """
    reading = _Reading()
    value: T = reading.read_object(kind, data, path)
    if reading.problems:
        raise ValidationError(by_place(reading.problems))
    return value


def by_place(problems: Any) -> dict[str, list[str]]:
    """Return what a 400 says of (place, message) pairs; what has no place stands under non_field_errors."""
    told: dict[str, list[str]] = {}
    for place, message in problems:
        name = clean_text(place, limit=_PLACE_LENGTH) or "non_field_errors"
        told.setdefault(name, []).append(clean_text(message, limit=2 * _PLACE_LENGTH))
    return told


def as_sent(place: str) -> str:
    """Return a place in a workflow by the names of its JSON, ``timeout_seconds`` instead of ``timeout``."""
    hint: Any = Workflow
    names: list[str] = []
    for part in place.split("."):
        hint, name = wire.without_none(hint), part
        if is_dataclass(hint) and isinstance(hint, type):
            keys = wire.keys(hint)
            name = next((key for key, (item, _) in keys.items() if part in {key, item.name}), part)
            hint = keys[name][1] if name in keys else None
        else:
            hint = _part(hint)
        names.append(name)
    return ".".join(names)


def name_of(data: Any) -> str:
    """Return what JSON data is, in words."""
    return "a fraction" if isinstance(data, float) else _WORDS[type(data)]


@dataclass(slots=True)
class _Reading:
    """One pass over a body; what it returns is of no use when there are problems."""

    problems: list[Problem] = field(default_factory=list)

    def tell(self, path: str, message: str) -> None:
        self.problems.append((path, message))
        if len(self.problems) == MOST_PROBLEMS:
            raise ValidationError(by_place(self.problems))

    def read_object(self, kind: type[Any], data: Any, path: str) -> Any:
        if not isinstance(data, dict):
            return self.tell(path, f"expected an object, not {name_of(data)}")
        keys = wire.keys(kind)
        for key in data:
            if key not in keys:
                self.tell(_join(path, key), _unknown(key, list(keys)))
        values: dict[str, Any] = {}
        for key, (item, hint) in keys.items():
            if key in data:
                values[item.name] = self.read_value(hint, data[key], _join(path, key))
            elif item.default is MISSING and item.default_factory is MISSING:
                self.tell(_join(path, key), "is missing")
        return None if self.problems else kind(**values)

    def read_value(self, hint: Any, data: Any, path: str) -> Any:
        if hint is Any:
            return self.read_anything(data, path)
        bare = wire.without_none(hint)
        if data is None:
            return None if bare is not hint else self.tell(path, "must not be null")
        if is_dataclass(bare) and isinstance(bare, type):
            return self.read_object(bare, data, path)
        origin = get_origin(bare)
        if origin is tuple:
            return self.read_list(_part(bare), data, path)
        if origin is not None:
            return self.read_mapping(_part(bare), data, path)
        return self.read_scalar(bare, data, path)

    def read_list(self, hint: Any, data: Any, path: str) -> Any:
        if not isinstance(data, list):
            return self.tell(path, f"expected a list, not {name_of(data)}")
        return tuple(self.read_value(hint, part, _join(path, str(index))) for index, part in enumerate(data))

    def read_mapping(self, hint: Any, data: Any, path: str) -> Any:
        if not isinstance(data, dict):
            return self.tell(path, f"expected an object, not {name_of(data)}")
        for key in data:
            self.read_text(key, path)
        return {key: self.read_value(hint, part, _join(path, key)) for key, part in data.items()}

    def read_anything(self, data: Any, path: str) -> Any:
        if isinstance(data, str):
            return self.read_text(data, path)
        if isinstance(data, dict):
            return self.read_mapping(Any, data, path)
        return list(self.read_list(Any, data, path)) if isinstance(data, list) else data

    def read_scalar(self, kind: Any, data: Any, path: str) -> Any:
        if kind is datetime:
            return self.read_time(data, path)
        if kind is timedelta:
            return self.read_duration(data, path)
        if issubclass(kind, Enum):
            choices = [each.value for each in kind]
            return kind(data) if data in choices else self.tell(path, f"choose one of {', '.join(choices)}")
        if kind is int and isinstance(data, float) and data.is_integer():
            data = int(data)
        accepted = (int, float) if kind is float else kind
        if not isinstance(data, accepted) or (isinstance(data, bool) and kind is not bool):
            return self.tell(path, f"expected {_WORDS[kind]}, not {name_of(data)}")
        if kind is int and abs(data) > LARGEST:
            return self.tell(path, f"must lie between -{LARGEST} and {LARGEST}")
        return self.read_text(data, path) if isinstance(data, str) else data

    def read_text(self, data: str, path: str) -> Any:
        if clean_text(data) != data:
            return self.tell(path, "holds a character that the database cannot keep")
        return data

    def read_time(self, data: Any, path: str) -> Any:
        try:
            moment = datetime.fromisoformat(data)
            if moment.utcoffset() is None:
                raise ValueError("no zone")
        except (TypeError, ValueError):
            return self.tell(path, "give a time with its zone, as in 2026-11-21T10:00:00Z")
        if moment.year not in YEARS:
            return self.tell(path, f"must lie in the years {YEARS.start} to {YEARS.stop - 1}")
        return moment

    def read_duration(self, data: Any, path: str) -> Any:
        if isinstance(data, bool) or not isinstance(data, int | float):
            return self.tell(path, f"expected a number of seconds, not {name_of(data)}")
        if abs(data) > LONGEST.total_seconds():
            return self.tell(path, f"must be at most {LONGEST.days} days")
        return timedelta(seconds=data)


def _part(hint: Any) -> Any:
    """Return the type of what a tuple or a mapping holds; None when it is neither."""
    arguments = get_args(hint)
    return arguments[0 if get_origin(hint) is tuple else -1] if arguments else None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _unknown(key: str, known: list[str]) -> str:
    longer = f"{key}_seconds"
    close = [longer] if longer in known else get_close_matches(key[:50], known, n=1)
    return f"is not known here; did you mean {close[0]}?" if close else "is not known here"
