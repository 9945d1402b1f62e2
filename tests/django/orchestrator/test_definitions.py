import httpx
import pytest
from tests.django.fake_airflow import URL, FakeAirflow

from windsock.django.orchestrator import Airflow, AirflowLogin

DIGEST = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def fake() -> FakeAirflow:
    return FakeAirflow()


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


def test_the_list_of_all_dags_tells_what_each_serves(fake: FakeAirflow) -> None:
    fake.page = 3
    for number in range(7):
        fake.serve(f"w{number}", number, f"{number}" * 32, is_stale=number == 2)
    fake.dags["foreign"] = {"dag_id": "foreign", "is_stale": False, "description": None}
    fake.dags["sly"] = {"dag_id": "sly", "is_stale": False, "description": "[revision 1, 0123] and more"}

    found = fake.client().in_force()

    assert found == {f"w{n}": f"{n}" * 12 for n in range(7) if n != 2} | {"foreign": "", "sly": ""}
    assert fake.requests.count("GET /api/v2/dags") == 3


def test_dags_that_are_scheduled_can_be_counted_without_a_list(fake: FakeAirflow) -> None:
    fake.serve("a", 1, DIGEST)
    fake.serve("b", 1, DIGEST, is_stale=True)

    assert fake.client().count_in_force("windsock") == 1


def test_a_dag_is_paused_and_unpaused(fake: FakeAirflow) -> None:
    airflow = fake.client()
    fake.serve("a", 1, DIGEST)

    assert airflow.set_paused("a", True)
    assert airflow.paused() == {"a"}
    assert airflow.set_paused("a", False)
    assert airflow.paused() == set()


def test_a_dag_that_is_not_there_cannot_be_paused(fake: FakeAirflow) -> None:
    assert not fake.client().set_paused("a", True)


def test_all_paused_dags_are_told(fake: FakeAirflow) -> None:
    fake.page = 2
    for name in "abcde":
        fake.serve(name, 1, DIGEST)
        fake.dags[name]["is_paused"] = name != "c"

    assert fake.client().paused() == set("abde")
