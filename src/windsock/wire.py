"""The one JSON form in which values cross a process boundary.

A dataclass becomes an object of its fields; a ``timedelta`` field ``x`` becomes ``x_seconds``; times are
ISO 8601. Fields that equal their default are left out, so that a new optional field changes no digest.
"""

import hashlib
import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from windsock.errors import WireError

PROTOCOL = 1
#: Bytes that one message between two processes may have.
MESSAGE_LIMIT = 32 * 2**20
_PLAIN = frozenset({type(None), str, int, bool, float})

T = TypeVar("T")


def to_json(value: Any) -> dict[str, Any]:
    """Return the JSON object of a core dataclass."""
    document: dict[str, Any] = {}
    for item, _, key, default in _shape(type(value)):  # type: ignore[arg-type]
        content = getattr(value, item.name)
        if content != default:
            document[key] = _encode(content)
    return document


def from_json(kind: type[T], data: Any, *, path: str = "") -> T:
    """Read a core dataclass back; fields that are not known here are passed over.

    Raises:
        WireError: a needed field is missing or a value has the wrong form; the message names the field.
    """
    if not isinstance(data, Mapping):
        raise WireError(f"{path or kind.__name__}: expected an object")
    values: dict[str, Any] = {}
    for item, hint, key, default in _shape(kind):  # type: ignore[arg-type]
        where = f"{path}.{key}" if path else key
        if key in data:
            values[item.name] = _decode(hint, data[key], where)
        elif default is MISSING:
            raise WireError(f"{where}: is missing")
    return kind(**values)


def canonical(document: Any) -> bytes:
    """Return the bytes of a JSON document that do not depend on key order or spacing."""
    return _compact(document, sort_keys=True)


def limited(document: Any, limit: int = MESSAGE_LIMIT) -> bytes:
    """Return the bytes of a JSON document that one process sends to another.

    Raises:
        WireError: they are more than ``limit``.
    """
    body = _compact(document)
    if len(body) > limit:
        raise WireError(
            f"{len(body):,} bytes are too much for one message (limit {limit:,}); "
            "keep large data in the database or a file and pass its key"
        )
    return body


def digest(document: Any) -> str:
    """Return the first 32 hex digits of the SHA-256 of a document's canonical bytes."""
    return hashlib.sha256(canonical(document)).hexdigest()[:32]


def check_protocol(message: Mapping[str, Any]) -> None:
    """Refuse a message of a newer protocol.

    Raises:
        WireError: the message carries no protocol version, or one that this side cannot read.
    """
    version = message.get("protocol")
    if not isinstance(version, int) or not 1 <= version <= PROTOCOL:
        raise WireError(f"protocol {version!r} is not readable here; this side speaks up to {PROTOCOL}")


def keys(kind: type) -> dict[str, tuple["Field[Any]", Any]]:
    """Return the fields of a dataclass and their types, by the keys under which they stand in JSON."""
    return {part.key: (part.item, part.hint) for part in _shape(kind)}


def without_none(hint: Any) -> Any:
    """Return the type that a field has when it is not null."""
    if get_origin(hint) in (Union, types.UnionType):
        options = [option for option in get_args(hint) if option is not type(None)]
        return options[0] if len(options) == 1 else Any
    return hint


def _compact(document: Any, *, sort_keys: bool = False) -> bytes:
    return json.dumps(
        document, sort_keys=sort_keys, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


class _Part(NamedTuple):
    """What is known of a field before any value is seen."""

    item: "Field[Any]"
    hint: Any
    key: str
    default: Any


@cache
def _shape(kind: type) -> tuple[_Part, ...]:
    hints = get_type_hints(kind)
    return tuple(
        _Part(item, hints[item.name], _key(item, hints[item.name]), _default(item)) for item in fields(kind)
    )


def _key(item: "Field[Any]", hint: Any) -> str:
    return f"{item.name}_seconds" if without_none(hint) is timedelta else item.name


def _default(item: "Field[Any]") -> Any:
    if item.default is not MISSING:
        return item.default
    if item.default_factory is not MISSING:
        return item.default_factory()
    return MISSING


def _encode(value: Any) -> Any:
    if type(value) in _PLAIN:
        return value
    if is_dataclass(value):
        return to_json(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(item) for item in value]
    return value


def _decode(hint: Any, data: Any, path: str) -> Any:
    if hint is Any:
        return data
    optional, hint = hint, without_none(hint)
    if data is None:
        if hint is optional:
            raise WireError(f"{path}: must not be null")
        return None
    origin = get_origin(hint)
    if origin is tuple:
        if not isinstance(data, list):
            raise WireError(f"{path}: expected a list")
        return tuple(_decode(get_args(hint)[0], item, f"{path}.{i}") for i, item in enumerate(data))
    if origin is not None:
        if not isinstance(data, Mapping):
            raise WireError(f"{path}: expected an object")
        return {key: _decode(get_args(hint)[1], item, f"{path}.{key}") for key, item in data.items()}
    return _decode_scalar(hint, data, path)


def _decode_scalar(hint: Any, data: Any, path: str) -> Any:
    if is_dataclass(hint) and isinstance(hint, type):
        return from_json(hint, data, path=path)
    try:
        if hint is datetime:
            return datetime.fromisoformat(data)
        if hint is timedelta:
            return timedelta(seconds=data)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return hint(data)
    except (TypeError, ValueError) as error:
        raise WireError(f"{path}: {error}") from None
    accepted = (int, float) if hint is float else hint
    if not isinstance(data, accepted) or (isinstance(data, bool) and hint is not bool):
        raise WireError(f"{path}: expected {hint.__name__}, not {type(data).__name__}")
    return data
