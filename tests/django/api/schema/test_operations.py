from jsonschema import Draft202012Validator

from windsock.django.api.schema.components import UUID, ref
from windsock.django.api.schema.operations import (
    IDEMPOTENCY_KEY,
    REFUSALS,
    Endpoint,
    answer,
    refusals,
    refused,
    security_schemes,
)


def test_an_operation_names_the_parts_of_its_path() -> None:
    endpoint = Endpoint(id="see", tag="x", summary="See", key=UUID, answers={200: answer(ref("X"), "It.")})
    operation = endpoint.operation("/x/{pk}/")
    assert operation["parameters"] == [{"name": "pk", "in": "path", "required": True, "schema": UUID}]
    assert list(operation["responses"]) == ["200", "401", "406", "503"]
    assert "requestBody" not in operation
    assert "parameters" not in endpoint.operation("/x/")


def test_every_refusal_is_described_once() -> None:
    described = refusals()
    assert set(described) == {str(code) for code in REFUSALS}
    assert set(refused(*REFUSALS)) == set(described)
    assert described["429"]["headers"].keys() == {"Retry-After"}
    assert "headers" not in described["404"]


def test_an_idempotency_key_is_printable() -> None:
    validator = Draft202012Validator(IDEMPOTENCY_KEY["schema"])
    assert all(validator.is_valid(key) for key in ("a", " ~", "x" * 255))
    assert not any(validator.is_valid(key) for key in ("", "x" * 256, "ä", "\t"))


def test_callers_sign_in_with_a_token_or_a_session() -> None:
    schemes = security_schemes()
    assert schemes["bearerAuth"]["scheme"] == "bearer"
    assert (schemes["cookieAuth"]["in"], schemes["cookieAuth"]["name"]) == ("cookie", "sessionid")
