import pytest
from django.core.exceptions import ValidationError

from windsock.django.admin.fields import JsonField, WordsField, within


@pytest.mark.parametrize(("text", "data"), [("", {}), (" ", {}), ("{}", {}), ('{"a": [1]}', {"a": [1]})])
def test_json_of_the_right_kind_is_read(text: str, data: object) -> None:
    assert JsonField(kind=dict).clean(text) == data


@pytest.mark.parametrize(
    ("text", "message"),
    [("[1]", "JSON object"), ("{", "valid JSON"), ('"x"', "JSON object"), ("0", "JSON object")],
)
def test_json_of_another_kind_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        JsonField(kind=dict).clean(text)


def test_json_is_shown_as_it_would_be_typed() -> None:
    field = JsonField(kind=list, indent=2)
    assert field.prepare_value(["ü"]) == '[\n  "ü"\n]'
    assert field.prepare_value([]) == field.prepare_value(None) == ""
    assert field.bound_data("[", []) == "["


@pytest.mark.parametrize(
    ("initial", "text", "changed"), [([], "", False), ([], "[]", True), ([1], "[1]", False), ([1], "", True)]
)
def test_json_changes_only_when_it_says_something_else(initial: object, text: str, changed: bool) -> None:
    assert JsonField(kind=list).has_changed(initial, text) is changed


def test_words_are_split_and_joined() -> None:
    assert WordsField().clean(" a, b  c ") == ["a", "b", "c"]
    assert WordsField(lines=True).clean("a b\r\n\r\n c ") == ["a b", "c"]
    assert WordsField().prepare_value(["a", "b"]) == "a b"
    assert WordsField(lines=True).prepare_value(["a b", "c"]) == "a b\nc"
    assert WordsField().prepare_value("as typed") == "as typed"
    assert WordsField().has_changed(["a"], "a,") is False
    assert WordsField().has_changed([], "a") is True


def test_the_place_within_a_field_is_named_unless_it_is_a_mere_number() -> None:
    assert within("day.default", "is no text") == "day.default: is no text"
    assert within("1", "is no text") == within("", "is no text") == "is no text"
