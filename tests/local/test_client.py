import pytest
from tests.local.project_api import FakeProject

from windsock.local.client import Client, results
from windsock.local.errors import LocalError


def test_the_token_goes_with_every_request(api: FakeProject) -> None:
    Client(api.url, "t0k3n").get("/api/workflows/")
    assert api.asked == [("GET", "/api/workflows/", "Bearer t0k3n")]


def test_a_refusal_names_status_and_reason(api: FakeProject) -> None:
    with pytest.raises(LocalError, match=r"GET /nowhere/ was answered with 404: .*not here"):
        Client(api.url, "t").get("/nowhere/")


def test_nobody_there_is_an_error() -> None:
    with pytest.raises(LocalError, match="failed"):
        Client("http://127.0.0.1:1", "t").post("/api/")


@pytest.mark.parametrize("body", [[{"id": 1}], {"count": 1, "results": [{"id": 1}]}])
def test_rows_come_with_or_without_pages(body: object) -> None:
    assert results(body) == [{"id": 1}]
