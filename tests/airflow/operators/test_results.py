import base64
import dataclasses
import json
from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from airflow.sdk.serde import deserialize, serialize

from windsock.airflow.operators.results import as_xcom, pickled_as_xcom
from windsock.payload import pack


@dataclasses.dataclass
class Sum:
    total: Decimal
    of: tuple[Path, ...]


def through_xcom(value: Any) -> Any:
    """Push and pull as Airflow does."""
    return deserialize(json.loads(json.dumps(serialize(as_xcom(value)), allow_nan=False)))


@pytest.mark.parametrize(
    "value",
    [
        None,
        [1, "a", 0.5, {"a": None}],
        date(2026, 1, 2),
        datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        datetime(2026, 7, 2, 3, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2026, 1, 2, 3),
        timedelta(days=-1, microseconds=1),
        UUID(int=7),
        {1, 2},
        frozenset({"a"}),
        (1, (2, [UUID(int=7)])),
        Decimal("12.34"),
        Decimal("999999999.999999"),
        Decimal(10),
    ],
    ids=repr,
)
def test_what_xcom_can_hold_comes_out_the_same(value: Any) -> None:
    back = through_xcom(value)
    assert (back, type(back)) == (value, type(value))


@pytest.mark.parametrize(
    ("value", "nearest"),
    [
        (Decimal("0.12345678901234567890"), "0.12345678901234567890"),
        (Decimal("1E+400"), "1E+400"),
        (Decimal("NaN"), "NaN"),
        (float("inf"), "inf"),
        (time(3, 4), "03:04:00"),
        (Path("/srv/shop"), "/srv/shop"),
        (b"\x00\xff", "AP8="),
        ({7: "a", date(2026, 1, 2): "b"}, {"7": "a", "2026-01-02": "b"}),
        ({b"\xff"}, {"/w=="}),
        (Sum(Decimal("1.5"), (Path("/a"),)), {"total": Decimal("1.5"), "of": ("/a",)}),
        (OrderedDict(a=b"\xff"), {"a": "/w=="}),
        (
            datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))),
            datetime(2026, 1, 2, 1, tzinfo=UTC),
        ),
    ],
    ids=repr,
)
def test_what_xcom_cannot_hold_comes_out_as_what_is_nearest(value: Any, nearest: Any) -> None:
    back = through_xcom(value)
    assert (back, type(back)) == (nearest, type(nearest))


def test_a_pickled_result_comes_out_if_xcom_can_hold_it_and_stays_pickled_if_not() -> None:
    assert pickled_as_xcom(pack({1: Path("/srv")}, serializer="pickle")) == {"1": "/srv"}
    held = pack(2 + 3j, serializer="pickle")
    assert pickled_as_xcom(held) == held
    assert serialize(held) == held


def test_a_pickled_result_whose_class_is_unknown_here_stays_pickled() -> None:
    nowhere = base64.b64encode(b"cnowhere\nNothing\n.").decode()
    held = {"$type": "pickle", "value": nowhere}
    assert pickled_as_xcom(held) == held
