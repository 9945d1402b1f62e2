import json
import os
import signal
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from kombu.exceptions import OperationalError
from tests.django.conftest import Broker, use

from windsock.django.celery import sending
from windsock.local.broker import temporary

RUN = UUID("019a1fce-b2f3-7f7d-8a0e-c85a934806e5")


def first_message(broker: Broker) -> dict[str, Any]:
    (raw,) = broker.ask("LRANGE", "windsock.default\x06\x165", "0", "-1")
    message: dict[str, Any] = json.loads(raw)
    return message


def test_a_message_carries_id_and_attempt_only(broker: Broker) -> None:
    sending.send(RUN, 1, queue="default", priority=0)

    message = first_message(broker)
    assert message["content-type"] == "application/json"
    assert message["headers"]["task"] == "windsock.run"
    assert message["headers"]["ignore_result"] is True
    assert message["headers"]["eta"] is None


@pytest.mark.parametrize(("attempt", "expected"), [(1, str(RUN)), (2, f"{RUN}:2")])
def test_every_attempt_has_its_own_message_id(broker: Broker, attempt: int, expected: str) -> None:
    sending.send(RUN, attempt, queue="default", priority=0)

    assert first_message(broker)["headers"]["id"] == expected


def test_the_messages_that_wait_are_counted_over_all_priorities(broker: Broker) -> None:
    for priority in (-100, 0, 100):
        sending.send(RUN, 1, queue="default", priority=priority)

    assert sending.waiting("default") == 3


def test_a_queue_that_has_vanished_holds_no_message(broker: Broker) -> None:
    assert sending.waiting("default") == 0


def test_a_broker_that_hangs_costs_a_moment_once(
    tmp_path_factory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with temporary(tmp_path_factory.mktemp("hanging")) as server:
        other = use(Broker(server=server, number=0), monkeypatch)
        pid = int(other.ask("INFO", "server")["process_id"])
        sending.send(RUN, 1, queue="default", priority=0)
        os.kill(pid, signal.SIGSTOP)
        try:
            first, second = (_time_of_failure() for _ in range(2))
        finally:
            os.kill(pid, signal.SIGCONT)

    assert first < 0.9
    assert second < 0.02


def test_a_broker_that_was_restarted_gets_the_next_message(
    tmp_path_factory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("restarted")
    for _ in range(2):
        with temporary(folder) as server:
            monkeypatch.setenv("CELERY_BROKER_URL", server.url)
            sending.send(RUN, 1, queue="default", priority=0)


def test_a_broker_that_is_down_costs_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", f"redis+socket://{tmp_path}/nobody.sock?virtual_host=0")
    monkeypatch.setattr(sending, "_no_try_before", 0.0)
    began = time.monotonic()

    with pytest.raises(OperationalError, match="No such file"):
        sending.send(RUN, 1, queue="default", priority=0)
    with pytest.raises(OperationalError, match="No such file"):
        sending.waiting("default")

    assert time.monotonic() - began < 0.9


def test_after_a_broker_was_away_the_waiting_ones_are_counted_again(
    tmp_path_factory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("away")
    with temporary(folder) as server:
        monkeypatch.setenv("CELERY_BROKER_URL", server.url)
        sending.send(RUN, 1, queue="default", priority=0)
    for _ in range(2):
        with pytest.raises(OperationalError):
            sending.waiting("default")

    with temporary(folder):
        assert sending.waiting("default") == 1


def _time_of_failure() -> float:
    began = time.monotonic()
    with pytest.raises(Exception, match=r"(?i)timed? ?out|moment ago"):
        sending.send(RUN, 1, queue="default", priority=0)
    return time.monotonic() - began
