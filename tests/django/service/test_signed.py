from typing import Any

import pytest
from django.test import Client
from tests.django.service.conftest import ROOT, Airflow, token

PATHS = ("", "tasks/", "tasks/follow/", "tasks/01890a5d-ac96-774b-bcce-b302099a8057/cancel/", "checks/")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer x.y"}, {"Authorization": "Basic abc"}],
    ids=["none", "forged", "basic"],
)
def test_nobody_gets_in_without_the_key(path: str, headers: dict[str, str]) -> None:
    answer = Client().post(
        ROOT + path, {"protocol": 1}, content_type="application/json", headers=headers or None
    )
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "claims", [{"audience": "feed"}, {"lifetime": -1.0}], ids=["another door's", "expired"]
)
def test_a_token_that_is_not_for_now_and_here_is_refused(claims: dict[str, Any]) -> None:
    answer = Client().get(ROOT, headers={"authorization": f"Bearer {token(**claims)}"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "Expecting value"),
        (b"[]", "expected an object"),
        (b'{"protocol": 99}', "protocol 99"),
        (b"[" * 100_000, "recursion"),
    ],
)
def test_a_body_that_is_not_understood_is_refused(airflow: Airflow, body: bytes, says: str) -> None:
    answer = airflow.post(f"{ROOT}checks/", body, content_type="application/json")
    assert answer.status_code == 400
    assert says in answer.json()["errors"]["body"]


def test_a_body_that_is_too_large_is_refused(airflow: Airflow, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    answer = airflow.ask("checks/", {"checks": []})
    assert answer.status_code == 400
    assert "DATA_UPLOAD_MAX_MEMORY_SIZE" in answer.json()["detail"]


@pytest.mark.parametrize("path", PATHS[1:])
def test_deeds_are_posted(airflow: Airflow, path: str) -> None:
    assert airflow.get(ROOT + path).status_code == 405
