import httpx
import pytest
from tests.django.fake_airflow import URL, FakeAirflow

from windsock.django.orchestrator import Airflow, AirflowLogin
from windsock.errors import OrchestratorAway, OrchestratorError

DIGEST = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def fake() -> FakeAirflow:
    return FakeAirflow()


def test_a_refusal_tells_why(fake: FakeAirflow) -> None:
    fake.serve("a", 1, DIGEST)

    with pytest.raises(OrchestratorError, match="3 is not of type 'string'") as caught:
        fake.client().start_run("a", "r", {"day": 3})
    assert not isinstance(caught.value, OrchestratorAway)


def test_an_airflow_that_is_away_says_so(fake: FakeAirflow) -> None:
    fake.is_away = True

    with pytest.raises(OrchestratorAway, match="Connection refused"):
        fake.client().served("a")


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_an_error_of_the_server_may_be_tried_again(status: int) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, text="oops"))

    with pytest.raises(OrchestratorAway, match=str(status)):
        Airflow(URL, AirflowLogin(URL, "a", "b"), transport=transport).served("a")


def test_an_error_that_is_no_json_is_told(fake: FakeAirflow) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(403, text="<html>no</html>"))

    with pytest.raises(OrchestratorError, match="<html>no</html>"):
        Airflow(URL, AirflowLogin(URL, "a", "b"), transport=transport).served("a")


def test_names_cannot_leave_their_place_in_the_address(fake: FakeAirflow) -> None:
    fake.put_run("a", "manual__2026-01-01T00:00:00+00:00/..", "success")

    assert fake.client().run("a", "manual__2026-01-01T00:00:00+00:00") is None


def test_settings_without_an_address_mean_no_airflow() -> None:
    assert Airflow.from_settings() is None


def test_settings_name_the_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDSOCK_AIRFLOW_URL", "http://127.0.0.1:9/")

    airflow = Airflow.from_settings()

    assert airflow is not None
    with pytest.raises(OrchestratorAway):
        airflow.served("a")
