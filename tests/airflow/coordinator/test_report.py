import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import structlog
from airflow.sdk.api.client import Client, ServerResponseError
from airflow.sdk.api.datamodels._generated import TaskInstance
from structlog.testing import CapturingLogger

from windsock.airflow.coordinator.report import Report


class Server:
    """Answers each request with the next of ``answers``, then with 200."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status = self.answers.pop(0) if self.answers else 200
        return httpx.Response(status, json={"detail": "no"} if status >= 400 else {})

    @property
    def states(self) -> list[str]:
        return [json.loads(request.content)["state"] for request in self.requests]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def shown() -> CapturingLogger:
    return CapturingLogger()


@pytest.fixture
def report(server: Server, shown: CapturingLogger) -> Iterator[Report]:
    with Client(base_url="http://api/", token="", transport=httpx.MockTransport(server)) as client:
        yield Report(client=client, ti=instance(), task_log=structlog.wrap_logger(shown, processors=[]))


def instance(map_index: int = -1) -> TaskInstance:
    return TaskInstance(
        id=uuid.uuid4(),
        task_id="store",
        dag_id="shop_daily",
        run_id="r1",
        try_number=1,
        dag_version_id=uuid.uuid4(),
        map_index=map_index,
    )


@pytest.mark.parametrize(
    ("value", "length"),
    [
        ([1, 2], "2"),
        ([], "0"),
        ([0] * 1025, None),
        ({"a": 1}, None),
        ("text", None),
        (0, None),
        (False, None),
    ],
)
def test_a_list_within_airflows_limit_says_over_how_many_it_can_be_mapped(
    report: Report, server: Server, value: Any, length: str | None
) -> None:
    report.keep(value)
    [request] = server.requests
    assert json.loads(request.content) == value
    assert request.url.params.get("mapped_length") == length


def test_a_result_that_arrived_although_its_answer_was_lost_is_kept(report: Report, server: Server) -> None:
    server.answers = [409]
    report.keep([1])
    assert len(server.requests) == 1


def test_a_result_that_the_server_refuses_is_an_error(report: Report, server: Server) -> None:
    server.answers = [413]
    with pytest.raises(ServerResponseError):
        report.keep([1])


def test_nothing_is_kept_of_none(report: Report, server: Server) -> None:
    report.keep(None)
    assert server.requests == []


def test_a_mapped_step_keeps_its_value_under_its_index(server: Server, shown: CapturingLogger) -> None:
    with Client(base_url="http://api/", token="", transport=httpx.MockTransport(server)) as client:
        mapped = Report(client=client, ti=instance(map_index=3), task_log=structlog.wrap_logger(shown))
        mapped.keep([1, 2])
    params = dict(server.requests[0].url.params)
    assert params == {"map_index": "3"}


def test_each_end_is_told_and_remembered(report: Report, server: Server) -> None:
    report.succeed()
    report.skip("nothing new")
    report.retry_or_fail(retry=True, after=timedelta(seconds=5))
    report.retry_or_fail(retry=False, after=None)
    assert server.states == ["success", "skipped", "up_for_retry", "failed"]
    assert report.state == "failed"


def test_without_a_delay_of_its_own_the_dags_delay_holds(report: Report, server: Server) -> None:
    report.retry_or_fail(retry=True, after=None)
    assert json.loads(server.requests[0].content)["retry_delay_seconds"] is None


def test_what_the_server_refuses_stays_refused(report: Report, server: Server) -> None:
    server.answers = [409]
    report.succeed()
    assert server.states == ["success"]


def test_a_server_that_stumbles_is_asked_again(report: Report, server: Server) -> None:
    server.answers = [500] * 6
    report.succeed()
    assert server.states == ["success"] * 7


def test_a_server_that_stays_away_raises_nothing(report: Report, server: Server) -> None:
    server.answers = [500] * 100
    report.succeed()
    assert set(server.states) == {"success"}
