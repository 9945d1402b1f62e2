"""Arguments and results as JSON data and back: what Django code passes around, with its types.

What JSON holds stays as it is. A date, datetime, time, timedelta, Decimal, UUID, Path, bytes, set, frozenset,
tuple, dataclass, a float that is not finite, a text that is no Unicode, and a mapping whose keys are not all
texts become ``{"$type": ..., "value": ...}``; so does a mapping with a key ``$type`` of its own. A member of
an enumeration becomes its value.
"""

import base64
import dataclasses
import importlib
import math
import pickle
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

Serializer = Literal["json", "pickle"]
Writer = Callable[[Any, str], Any]

_TYPE = "$type"
_VALUE = "value"


def pack(value: Any, *, place: str = "value", serializer: Serializer = "json") -> Any:
    """Return ``value`` as JSON data.

    Args:
        value: what is passed on.
        place: what it is called in messages: "kwargs".
        serializer: "pickle" packs nearly everything, and only "pickle" unpacks that.

    Raises:
        TypeError: it cannot be held; the message names the part, ``kwargs.user``, and the way out.
    """
    if serializer == "pickle":
        return _tagged("pickle", _pickled(value, place))
    try:
        return _pack(value, place)
    except RecursionError:
        raise TypeError(f"{place} is nested too deep, or holds itself; pass a part of it") from None


def unpack(data: Any, *, serializer: Serializer = "json", importing: bool = False) -> Any:
    """Return the value that ``pack`` was given.

    Args:
        data: what ``pack`` returned.
        serializer: with which it was packed. To unpickle is to run whatever the data says.
        importing: whether the module of a dataclass may be imported; a dataclass that is not loaded comes
            back as a dict otherwise.

    Raises:
        TypeError: the data was not packed like this.
    """
    if not is_pickled(data):
        return _unpack(data, importing)
    if serializer != "pickle":
        raise TypeError('this is pickled data, which only serializer="pickle" reads')
    return pickle.loads(base64.b64decode(data[_VALUE]))  # noqa: S301 - the caller opted in


def is_pickled(data: Any) -> bool:
    """Whether ``data`` is what ``pack`` returns with ``serializer="pickle"``."""
    return isinstance(data, Mapping) and data.get(_TYPE) == "pickle"


def _pack(value: Any, place: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    for kinds, write in _WRITERS:
        if isinstance(value, kinds):
            return write(value, place)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _pack_dataclass(value, place)
    raise TypeError(f"{place} is {_described(value)}, which JSON cannot hold; {_way_out(value)}")


def _unpack(data: Any, importing: bool) -> Any:
    if isinstance(data, list):
        return [_unpack(item, importing) for item in data]
    if not isinstance(data, Mapping):
        return data
    if _TYPE not in data:
        return {key: _unpack(item, importing) for key, item in data.items()}
    kind, content = data[_TYPE], data.get(_VALUE)
    if kind == "dataclass" and isinstance(content, Mapping):
        return _unpack_dataclass(content, importing)
    if kind in _COLLECTIONS:
        return _COLLECTIONS[kind](_unpack(content, importing))
    if kind in _READERS:
        return _READERS[kind](content)
    raise TypeError(f"{kind!r} is no type that this version of Windsock unpacks")


def _tagged(kind: str, content: Any) -> dict[str, Any]:
    return {_TYPE: kind, _VALUE: content}


def _pack_text(value: str, _: str) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:  # such as the name of a file in another encoding
        return _tagged("str", _base64(value.encode(errors="surrogatepass")))
    return str.__str__(value)


def _pack_float(value: float, _: str) -> Any:
    return value if math.isfinite(value) else _tagged("float", str(value))


def _pack_mapping(value: Mapping[Any, Any], place: str) -> dict[str, Any]:
    pairs = [[_pack(key, f"a key of {place}"), _pack(item, f"{place}.{key}")] for key, item in value.items()]
    if all(isinstance(key, str) and key != _TYPE for key, _ in pairs):
        return dict(pairs)
    return _tagged("dict", pairs)


def _pack_items(values: Iterable[Any], place: str) -> list[Any]:
    return [_pack(item, f"{place}.{index}") for index, item in enumerate(values)]


def _pack_datetime(value: datetime, _: str) -> dict[str, Any]:
    zone = getattr(value.tzinfo, "key", None)
    return _tagged("datetime", value.isoformat() + (f"[{zone}]" if zone else ""))  # Source: RFC 9557.


def _unpack_datetime(text: str) -> datetime:
    moment, _, zone = text.rstrip("]").partition("[")
    value = datetime.fromisoformat(moment)
    try:
        here = ZoneInfo(zone) if zone else None
    except (LookupError, ValueError):
        here = None  # it is not known here: the same moment
    if here is None:
        return value
    # By the clock, as it was: one that clocks skip would come back as another time.
    clock = (value.replace(tzinfo=here, fold=fold) for fold in (0, 1))
    same = (each for each in clock if each.utcoffset() == value.utcoffset())
    return next(same, value.astimezone(here))


def _pack_dataclass(value: Any, place: str) -> dict[str, Any]:
    kind = type(value)
    content = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    path = f"{kind.__module__}:{kind.__qualname__}"
    return _tagged("dataclass", {"class": path, "fields": _pack_mapping(content, place)})


def _unpack_dataclass(content: Mapping[str, Any], importing: bool) -> Any:
    values = _unpack(content["fields"], importing)
    kind = _find(content["class"], importing)
    if kind is None:
        return values
    later = {item.name for item in dataclasses.fields(kind) if not item.init}
    made = kind(**{name: value for name, value in values.items() if name not in later})
    for name in later & values.keys():
        object.__setattr__(made, name, values[name])
    return made


def _find(path: str, importing: bool) -> Any:
    module, _, name = path.partition(":")
    try:
        found: Any = importlib.import_module(module) if importing else sys.modules[module]
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, KeyError, AttributeError, ValueError):
        return None
    return found if isinstance(found, type) and dataclasses.is_dataclass(found) else None


def _base64(data: Any) -> str:
    return base64.b64encode(data).decode()


def _pickled(value: Any, place: str) -> str:
    try:
        return _base64(pickle.dumps(value))
    except Exception as error:
        raise TypeError(f"{place} cannot be pickled: {error}") from error


def _as(kind: str, write: Callable[[Any], Any]) -> Writer:
    return lambda value, _: _tagged(kind, write(value))


def _items_as(kind: str) -> Writer:
    return lambda values, place: _tagged(kind, _pack_items(values, place))


#: In this order: a datetime is a date, too, and a member of an enumeration may be a text.
_WRITERS: tuple[tuple[Any, Writer], ...] = (
    (Enum, lambda value, place: _pack(value.value, place)),
    (str, _pack_text),
    (int, lambda value, _: int(value)),
    (float, _pack_float),
    (Mapping, _pack_mapping),
    (list, _pack_items),
    (datetime, _pack_datetime),
    (date, _as("date", date.isoformat)),
    (time, _as("time", time.isoformat)),
    (timedelta, _as("timedelta", lambda value: [value.days, value.seconds, value.microseconds])),
    (Decimal, _as("decimal", str)),
    (UUID, _as("uuid", str)),
    (PurePath, _as("path", lambda value: _pack_text(str(value), ""))),
    ((bytes, bytearray, memoryview), _as("bytes", _base64)),
    (tuple, _items_as("tuple")),
    (frozenset, _items_as("frozenset")),
    (set, _items_as("set")),
)
_COLLECTIONS: dict[str, Callable[[Any], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "dict": dict,
    "path": Path,
}
_READERS: dict[str, Callable[[Any], Any]] = {
    "datetime": _unpack_datetime,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timedelta": lambda parts: timedelta(*parts),
    "decimal": Decimal,
    "uuid": UUID,
    "bytes": base64.b64decode,
    "float": float,
    "str": lambda data: base64.b64decode(data).decode(errors="surrogatepass"),
}


def _described(value: Any) -> str:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"the model instance {name}" if _is_model(value) else f"a {name}"


def _way_out(value: Any) -> str:
    # The core knows Django's objects by their form alone.
    if _is_model(value):
        return f"pass its key, {value.pk!r}, and load the row on the other side"
    if hasattr(value, "model") and hasattr(value, "query"):
        return "pass the keys of its rows, list(queryset.values_list('pk', flat=True))"
    return (
        "pass texts, numbers, lists, dicts, dates, Decimals, UUIDs, paths, bytes, sets or dataclasses, "
        'or opt in to serializer="pickle"'
    )


def _is_model(value: Any) -> bool:
    return hasattr(type(value), "_meta") and hasattr(value, "pk")
