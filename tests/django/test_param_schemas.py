import pytest

from windsock.django.param_schemas import InvalidSchema, validator, value_problems


def told(value: object, schema: bytes) -> list[str]:
    return [path for path, _ in value_problems("p", value, schema)]


def test_a_value_is_checked_at_its_place() -> None:
    schema = b'{"type": "object", "properties": {"days": {"items": {"type": "integer"}}}}'

    assert told({"days": [1, "two", 3]}, schema) == ["p.days.1"]
    assert told({"days": [1]}, schema) == []


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        ("date-time", "2026-10-25T02:30:00+01:00", "2026-10-25 02:30"),
        ("duration", "P1DT2H", "P"),
        ("date", "2026-02-28", "2026-02-30"),
    ],
)
def test_formats_are_checked(form: str, right: str, wrong: str) -> None:
    schema = f'{{"format": "{form}"}}'.encode()

    assert (told(right, schema), told(wrong, schema)) == ([], ["p"])


def test_a_schema_is_read_once() -> None:
    assert validator(b'{"type": "string"}') is validator(b'{"type": "string"}')


@pytest.mark.parametrize(
    "schema", [b'{"type": 3}', b'{"$ref": "https://example.com/x"}', b'{"$ref": "#/none"}']
)
def test_an_unsound_schema_is_refused_with_its_problems(schema: bytes) -> None:
    with pytest.raises(InvalidSchema) as caught:
        validator(schema)

    assert caught.value.args[0]


def test_a_schema_without_an_end_is_told() -> None:
    assert told({}, b'{"$ref": "#"}') == ["p"]


def test_a_long_value_is_not_repeated_whole() -> None:
    [(_, message)] = value_problems("p", "x" * 10_000, b'{"type": "integer"}')

    assert len(message) < 400
