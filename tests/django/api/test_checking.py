from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.validators import UniqueTogetherValidator

from windsock.django.api.checking import check, write_only


class Inner(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("username", "groups")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        assert attrs["groups"]
        return attrs


class Outer(serializers.ModelSerializer[Permission]):
    """Every question to the database that a serializer has by itself, and hooks that trust its answers."""

    people = Inner(many=True, required=False)
    only = serializers.CharField(write_only=True, required=False)

    class Meta:
        model = Permission
        fields = ("name", "codename", "content_type", "people", "only")
        validators = (
            UniqueTogetherValidator(queryset=Permission.objects.all(), fields=("content_type", "codename")),
        )

    def validate_content_type(self, value: Any) -> Any:
        return value.model_class()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return attrs | {"app": attrs["content_type"].app_label}


class Plain(serializers.Serializer[Any]):
    first = serializers.IntegerField()
    last = serializers.IntegerField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["first"] > attrs["last"]:
            raise serializers.ValidationError("The first comes after the last.")
        return attrs


def refused(kind: Any, body: Any, *, is_whole: bool = True, limit: int = 1000) -> dict[str, Any]:
    try:
        check(kind(data=body), body, is_whole=is_whole, limit=limit)
    except ValidationError as error:
        return dict(error.detail)
    return {}


WHOLE = {"name": "a", "codename": "b", "content_type": 999_999, "people": [{"username": "a", "groups": [7]}]}


@pytest.mark.parametrize("is_whole", [True, False])
def test_the_database_is_not_asked(is_whole: bool) -> None:
    # There is no mark for the database on this test, so that a question would raise.
    assert refused(Outer, WHOLE, is_whole=is_whole) == {}


@pytest.mark.parametrize("is_whole", [True, False])
def test_what_needs_no_database_is_named(is_whole: bool) -> None:
    without = {name: value for name, value in WHOLE.items() if name != "content_type"}

    assert set(refused(Outer, without, is_whole=is_whole)) == {"content_type"}
    assert set(refused(Outer, WHOLE | {"name": "a" * 300}, is_whole=is_whole)) == {"name"}
    assert set(refused(Outer, WHOLE | {"people": [{"username": ""}]}, is_whole=is_whole)) == {"people"}
    assert set(refused(Outer, [], is_whole=is_whole)) == {"non_field_errors"}
    assert set(refused(Outer, None, is_whole=is_whole)) == {"non_field_errors"}


def test_a_whole_body_is_validated_as_one() -> None:
    body = {"first": 2, "last": 1}

    assert set(refused(Plain, body)) == {"non_field_errors"}
    assert refused(Plain, body, is_whole=False) == {}


@pytest.mark.parametrize("more", ["nul\x00", "\ud800", "a" * 1000])
def test_what_cannot_be_kept_is_refused(more: str) -> None:
    assert set(refused(Plain, {"first": 1, "last": 2, "more": more})) == {"non_field_errors"}


def test_fields_that_are_only_written_are_known() -> None:
    assert write_only(Outer()) == ("only",)
