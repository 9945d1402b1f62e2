from typing import Any

from windsock.django.api.runs import RunViewSet
from windsock.django.api.schema.runs import RUN_ENDPOINTS


def test_every_action_that_a_permission_guards_is_described() -> None:
    assert {action for kind, action in RUN_ENDPOINTS if kind is RunViewSet} == set(RunViewSet.needs)


def test_what_starts_work_takes_an_idempotency_key(made: Any) -> None:
    for name in ("run", "backfill"):
        assert "Idempotency-Key" in parameters(made, f"/api/workflows/{{id}}/{name}/")
    for name in ("cancel", "retry", "clear", "mark"):
        assert "Idempotency-Key" in parameters(made, f"/api/runs/{{id}}/{name}/")


def parameters(made: Any, path: str) -> list[str]:
    return [each["name"] for each in made["paths"][path]["post"]["parameters"]]


def test_what_can_be_tried_says_so(made: Any) -> None:
    for path in ("/api/workflows/{id}/backfill/", "/api/runs/{id}/clear/"):
        operation = made["paths"][path]["post"]
        assert {"200", "202", "409", "429", "503"} <= set(operation["responses"])
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        assert body["properties"]["dry_run"]["default"] is False
