import dataclasses
import enum
import json
import pickle
import sys
import types
from collections import OrderedDict, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from windsock import payload


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    product: UUID
    price: Decimal


@dataclasses.dataclass
class Bill:
    lines: list[Line]
    on: date
    total: Decimal = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.total = sum((line.price for line in self.lines), Decimal(0))


class State(enum.Enum):
    OPEN = "open"


class Level(enum.IntEnum):
    HIGH = 3


LINE = Line(UUID(int=7), Decimal("1.10"))
BERLIN = ZoneInfo("Europe/Berlin")
VALUES = [
    None,
    True,
    -(2**70),
    0.1,
    "ü\n\x00",
    "half \ud800",
    [],
    {"a": [1, {"b": None}]},
    {"$type": "decimal", "value": "1"},
    {1: "one", None: "none", (1, 2): "pair", date(2026, 1, 2): "day"},
    float("inf"),
    date(2026, 1, 2),
    datetime(2026, 1, 2, 3, 4, 5, 6),
    datetime(2026, 1, 2, 3, tzinfo=UTC),
    datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
    datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
    datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN),  # clocks skip it
    datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN, fold=1),
    time(3, 4, 5, 6),
    time(3, tzinfo=UTC),
    timedelta(days=-1, microseconds=1),
    Decimal("1.10"),
    Decimal("1E+400"),
    Decimal("12345678901234567890.123456789"),
    UUID(int=7),
    Path("/srv/shop"),
    Path("relative/na\udcffme"),
    b"\x00\xff",
    {1, "a", (2, frozenset({3}))},
    frozenset({b"x"}),
    (),
    (1, (2, [3])),
    LINE,
    Bill([LINE, LINE], date(2026, 1, 2)),
]


def through_json(value: Any, **options: Any) -> Any:
    packed = payload.pack(value, **options)
    return payload.unpack(json.loads(json.dumps(packed, allow_nan=False).encode()), **options)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_as_it_went(value: Any) -> None:
    back = through_json(value)
    assert (back, type(back)) == (value, type(value))


def test_plain_json_stays_readable() -> None:
    assert payload.pack({"shop": 7, "mood": ["good"]}) == {"shop": 7, "mood": ["good"]}
    assert payload.pack([Decimal("1.10")]) == [{"$type": "decimal", "value": "1.10"}]


def test_what_is_no_number_comes_back_as_that() -> None:
    back = through_json(float("nan"))
    assert back != back


def test_a_moment_keeps_its_zone() -> None:
    summer = through_json(datetime(2026, 3, 28, 12, tzinfo=BERLIN)) + timedelta(days=1)
    assert summer.isoformat() == "2026-03-29T12:00:00+02:00"


def test_where_a_zone_has_other_rules_it_is_the_same_moment() -> None:
    data = {"$type": "datetime", "value": "2026-07-02T03:00:00+05:00[Europe/Berlin]"}
    assert payload.unpack(data).isoformat() == "2026-07-02T00:00:00+02:00"


def test_a_zone_that_is_not_known_here_leaves_the_moment() -> None:
    data = {"$type": "datetime", "value": "2026-07-02T03:00:00+02:00[Moon/Base]"}
    assert payload.unpack(data) == datetime(2026, 7, 2, 1, tzinfo=UTC)


def test_relatives_of_these_types_come_back_as_their_nearest() -> None:
    pair = namedtuple("pair", "a b")
    assert through_json([OrderedDict(a=1), pair(1, 2), bytearray(b"x")]) == [{"a": 1}, (1, 2), b"x"]


def test_a_member_of_an_enumeration_becomes_its_value() -> None:
    assert payload.pack({State.OPEN: [State.OPEN, Level.HIGH]}) == {"open": ["open", 3]}


def test_a_dataclass_that_is_not_loaded_comes_back_as_a_dict(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = payload.pack(LINE)
    monkeypatch.delitem(sys.modules, __name__)
    assert payload.unpack(packed) == {"product": LINE.product, "price": LINE.price}


def test_only_where_it_is_allowed_is_a_module_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop_values.py").write_text(
        "from dataclasses import dataclass\n\n@dataclass\nclass Sum:\n    total: int\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    data = {"$type": "dataclass", "value": {"class": "shop_values:Sum", "fields": {"total": 3}}}
    assert payload.unpack(data) == {"total": 3}
    assert "shop_values" not in sys.modules
    back = payload.unpack(data, importing=True)
    assert (type(back).__name__, back.total) == ("Sum", 3)
    monkeypatch.delitem(sys.modules, "shop_values")


def test_data_that_names_no_dataclass_makes_nothing() -> None:
    for path in ("os:system", "builtins:dict", "nowhere:Nothing", "json.decoder:JSONDecoder.decode", ""):
        data = {"$type": "dataclass", "value": {"class": path, "fields": {"a": 1}}}
        assert payload.unpack(data, importing=True) == {"a": 1}


def test_what_json_cannot_hold_is_refused_with_its_place_and_a_way_out() -> None:
    with pytest.raises(TypeError) as caught:
        payload.pack({"user": [1, 2 + 3j]}, place="kwargs")
    assert str(caught.value).startswith("kwargs.user.1 is a complex, which JSON cannot hold; pass texts")
    assert 'serializer="pickle"' in str(caught.value)


def test_a_model_instance_is_refused_with_the_advice_to_pass_its_key() -> None:
    model = type("Order", (), {"_meta": object(), "pk": 7, "__module__": "shop.models"})
    with pytest.raises(TypeError) as caught:
        payload.pack([model()], place="args")
    assert str(caught.value) == (
        "args.0 is the model instance shop.models.Order, which JSON cannot hold; "
        "pass its key, 7, and load the row on the other side"
    )


def test_a_queryset_is_refused_with_the_advice_to_pass_keys() -> None:
    with pytest.raises(TypeError, match=r"result is a .*SimpleNamespace.*values_list\('pk', flat=True\)"):
        payload.pack(types.SimpleNamespace(model=None, query=None), place="result")


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(TypeError, match="value is nested too deep, or holds itself"):
        payload.pack(value)


@pytest.mark.parametrize("value", [2 + 3j, {"f": print}, [range(3)]], ids=repr)
def test_pickle_holds_what_json_cannot(value: Any) -> None:
    with pytest.raises(TypeError):
        payload.pack(value)
    assert through_json(value, serializer="pickle") == value


def test_pickled_data_is_read_only_by_who_asks_for_it() -> None:
    packed = payload.pack(1, serializer="pickle")
    with pytest.raises(TypeError, match="pickled"):
        payload.unpack(packed)
    assert payload.unpack([1], serializer="pickle") == [1]


def test_what_even_pickle_cannot_hold_is_refused_with_its_place() -> None:
    with pytest.raises(TypeError, match="kwargs cannot be pickled") as caught:
        payload.pack(lambda: None, place="kwargs", serializer="pickle")
    assert isinstance(caught.value.__cause__, pickle.PicklingError | AttributeError)


@pytest.mark.parametrize("kind", ["nonsense", None, 3])
def test_data_of_another_make_is_refused(kind: Any) -> None:
    with pytest.raises(TypeError, match="no type that this version of Windsock unpacks"):
        payload.unpack({"$type": kind, "value": 1})
