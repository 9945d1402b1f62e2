from datetime import timedelta

import httpx
import pytest
from tests.django.fake_airflow import URL, FakeAirflow

from windsock.django.orchestrator import Airflow, AirflowLogin
from windsock.errors import OrchestratorError

DIGEST = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def fake() -> FakeAirflow:
    return FakeAirflow()


def test_one_login_serves_many_requests(fake: FakeAirflow) -> None:
    airflow = fake.client()
    for _ in range(5):
        airflow.served("a")

    assert fake.logins == 1


def test_a_token_is_renewed_shortly_before_its_end(fake: FakeAirflow) -> None:
    fake.token_lifetime = timedelta(seconds=AirflowLogin.MARGIN - 1)
    airflow = fake.client()
    airflow.served("a")
    airflow.served("a")

    assert fake.logins == 2


def test_a_refused_token_is_renewed_once(fake: FakeAirflow) -> None:
    """Airflow was started anew with another key."""
    fake.serve("a", 1, DIGEST)
    airflow = fake.client()
    airflow.served("a")
    fake.tokens.clear()

    assert airflow.served("a") is not None
    assert fake.logins == 2


def test_a_wrong_password_is_refused_without_trying_on(fake: FakeAirflow) -> None:
    fake.password = "another"

    with pytest.raises(OrchestratorError, match="Invalid credentials"):
        fake.client().served("a")
    assert fake.logins == 1


def test_a_token_without_an_end_is_used_once() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            logins.append(1)
            return httpx.Response(201, json={"access_token": "opaque"})
        return httpx.Response(404, json={})

    logins: list[int] = []
    airflow = Airflow(URL, AirflowLogin(URL, "a", "b"), transport=httpx.MockTransport(answer))
    assert airflow.served("a") is None
    assert airflow.served("a") is None
    assert len(logins) == 2
