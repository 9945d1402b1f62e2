"""What an operator gives to Airflow's XCom of a value that came out of Django."""

import base64
import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk.serde import serialize

from windsock.payload import unpack


def as_xcom(value: Any) -> Any:
    """Return ``value`` such that XCom gives back the same, or what comes nearest.

    XCom itself keeps dates, moments, timedeltas, UUIDs, tuples, sets and Decimals of up to 15 digits. Text
    stands for a longer Decimal, which XCom would round, and for a time or a path; base64 for bytes; a dict
    for a dataclass; the same moment in UTC for one whose zone is a bare offset.
    Source: Airflow 3.3, ``airflow.sdk.serde``.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: as_xcom(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(as_xcom(key)): as_xcom(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(map(as_xcom, value))
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Decimal):
        return value if _is_kept(value) else str(value)
    if isinstance(value, float) and value - value != 0:
        return str(value)  # JSON knows neither infinity nor NaN
    if isinstance(value, datetime) and value.tzinfo and not isinstance(value.tzinfo, ZoneInfo):
        return value.astimezone(UTC)
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    return value


def pickled_as_xcom(packed: Any) -> Any:
    """Return a pickled result as ``as_xcom`` does, or as it is where XCom or this process cannot hold it.

    Another call with ``serializer="pickle"`` gets the value itself then.
    """
    try:
        value = as_xcom(unpack(packed, serializer="pickle"))
        serialize(value)
    except Exception:
        return packed
    return value


def _is_kept(value: Decimal) -> bool:
    """Whether a Decimal survives that XCom makes a float of it."""
    return value.is_finite() and len(value.as_tuple().digits) <= 15 and Decimal(repr(float(value))) == value
