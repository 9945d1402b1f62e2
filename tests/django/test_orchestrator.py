import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from tests.django.fake_airflow import NOW, URL, FakeAirflow

from windsock.django.orchestrator import Airflow, AirflowLogin
from windsock.errors import OrchestratorAway, OrchestratorError

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


def test_what_is_served_stands_in_the_last_line(fake: FakeAirflow) -> None:
    fake.serve("a.b-c", 7, DIGEST)

    served = fake.client().served("a.b-c")

    assert served is not None
    assert (served.revision, served.digest, served.is_stale) == (7, DIGEST, False)


@pytest.mark.parametrize(
    "text", [None, "", f"Windsock revision 7, digest {DIGEST}\n\nmore", "Windsock revision x, digest y"]
)
def test_a_dag_that_says_nothing_is_served_without_a_digest(fake: FakeAirflow, text: str | None) -> None:
    fake.serve("a", 7, DIGEST)
    fake.dags["a"]["doc_md"] = text
    served = fake.client().served("a")

    assert served is not None
    assert (served.revision, served.digest) == (None, "")


def test_a_description_cannot_pretend_to_be_the_mark(fake: FakeAirflow) -> None:
    fake.serve("a", 7, DIGEST)
    fake.dags["a"]["doc_md"] = (
        f"Windsock revision 9, digest {'f' * 32}\n\nWindsock revision 7, digest {DIGEST}"
    )
    served = fake.client().served("a")

    assert served is not None
    assert served.revision == 7


def test_a_dag_that_is_not_there_is_none(fake: FakeAirflow) -> None:
    assert fake.client().served("a") is None
    assert fake.client().run("a", "r") is None


def test_asking_to_parse_twice_is_as_good_as_once() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        ok = httpx.Response(201, json={"access_token": "opaque"})
        return ok if request.url.path == "/auth/token" else httpx.Response(409, json={"detail": "pending"})

    airflow = Airflow(URL, AirflowLogin(URL, "a", "b"), transport=httpx.MockTransport(answer))
    airflow.ask_to_parse("x")


def test_a_run_that_exists_stays_as_it_is(fake: FakeAirflow) -> None:
    fake.serve("a", 1, DIGEST)
    airflow = fake.client()
    for _ in range(2):
        airflow.start_run("a", "windsock__1", {"day": "mon"})

    assert [run["conf"] for run in fake.runs.values()] == [{"day": "mon"}]


def test_a_refusal_tells_why(fake: FakeAirflow) -> None:
    fake.serve("a", 1, DIGEST)

    with pytest.raises(OrchestratorError, match="3 is not of type 'string'") as caught:
        fake.client().start_run("a", "r", {"day": 3})
    assert not isinstance(caught.value, OrchestratorAway)


def test_a_run_of_a_dag_that_is_not_there_yet_may_be_tried_again(fake: FakeAirflow) -> None:
    with pytest.raises(OrchestratorAway, match="no DAG a yet"):
        fake.client().start_run("a", "r", {})


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


def test_changed_runs_come_page_by_page_with_the_time_of_airflow(fake: FakeAirflow) -> None:
    fake.page = 2
    for number in range(5):
        fake.put_run("a", f"r{number}", "running", bundle_version=str(number), conf={"n": number})
    began = time.time()

    runs, at = fake.client().runs_since(NOW - timedelta(seconds=1))

    assert [run.run_id for run in runs] == ["r0", "r1", "r2", "r3", "r4"]
    assert (runs[3].revision, runs[3].params) == (3, {"n": 3})
    assert at == NOW
    assert all(run.seen_at.timestamp() >= began for run in runs)


def test_runs_before_the_cursor_are_left_out(fake: FakeAirflow) -> None:
    fake.put_run("a", "old", "success")
    fake.now += timedelta(minutes=1)
    fake.put_run("a", "new", "success", start_date="2026-01-02T03:05:00.5Z", bundle_version=None)

    runs, _ = fake.client().runs_since(NOW + timedelta(seconds=1))

    assert [run.run_id for run in runs] == ["new"]
    assert runs[0].started_at == datetime(2026, 1, 2, 3, 5, 0, 500_000, tzinfo=UTC)
    assert runs[0].revision is None


def test_all_task_instances_of_a_run_are_read(fake: FakeAirflow) -> None:
    fake.page = 2
    fake.put_run("a", "r", "failed")
    for name in "xyz":
        fake.put_step("a", "r", name, "upstream_failed", try_number=0)

    steps = fake.client().steps("a", "r")

    assert [(step.step, step.state, step.attempt) for step in steps] == [
        (n, "upstream_failed", 0) for n in "xyz"
    ]


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
