import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis
from celery.signals import before_task_publish
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


def test_the_message_is_the_one_that_celery_writes(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the queue of replies, of which there are none, and the message's own tag."""
    sending.send(RUN, 2, queue="default", priority=0)
    ours = first_message(broker)
    broker.ask("FLUSHDB")
    monkeypatch.setattr(sending, "_has_listeners", lambda: True)
    sending.send(RUN, 2, queue="default", priority=0)
    celerys = first_message(broker)

    assert ours["properties"].pop("delivery_tag") != celerys["properties"].pop("delivery_tag")
    assert (ours["properties"].pop("reply_to"), bool(celerys["properties"].pop("reply_to"))) == ("", True)
    for name in ("argsrepr", "kwargsrepr"):
        assert celerys["properties"].pop(name) == ours["headers"][name] == ""
    assert ours == celerys


def test_who_listens_to_celerys_signals_hears_of_each_message(broker: Broker) -> None:
    heard: list[str] = []

    def listen(headers: dict[str, Any], **_: Any) -> None:
        heard.append(headers["id"])
        headers["trace"] = "t"

    before_task_publish.connect(listen)
    try:
        sending.send(RUN, 1, queue="default", priority=0)
    finally:
        before_task_publish.disconnect(listen)

    assert heard == [str(RUN)]
    assert first_message(broker)["headers"]["trace"] == "t"


def test_many_go_in_one_round_trip(broker: Broker) -> None:
    messages = [
        sending.Message(uuid4(), 1, queue, priority)
        for priority in (0, 100, 0)
        for queue in ("default", "slow")
    ]
    sending.send_all(messages[:1])
    with redis.Redis(unix_socket_path=str(broker.server.socket_file)) as client:
        before = client.info("stats")["total_reads_processed"]
        sending.send_all(messages[1:])
        after = client.info("stats")["total_reads_processed"]

    assert after - before == 2, "one of the two is this question"

    assert sending.waiting("default") == 3
    assert _ids(broker, "windsock.slow\x06\x165") == [str(messages[5].run_id), str(messages[1].run_id)]


def test_more_than_a_batch_is_sent_too(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "BATCH", 3)

    sending.send_all([sending.Message(uuid4(), 1, "default", 0) for _ in range(10)])

    assert sending.waiting("default") == 10


def test_many_threads_send_at_the_same_time(broker: Broker) -> None:
    barrier = Barrier(30)

    def send() -> None:
        barrier.wait(timeout=20)
        sending.send(uuid4(), 1, queue="default", priority=0)

    with ThreadPoolExecutor(30) as threads:
        for future in [threads.submit(send) for _ in range(30)]:
            future.result(20)

    assert sending.waiting("default") == 30


def test_while_a_broker_hangs_one_thread_waits_and_the_others_go_on(
    tmp_path_factory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with temporary(tmp_path_factory.mktemp("turns")) as server:
        other = use(Broker(server=server, number=0), monkeypatch)
        pid = int(other.ask("INFO", "server")["process_id"])
        sending.send(RUN, 1, queue="default", priority=0)
        # The pause after an earlier failure is over, so that somebody has to try.
        monkeypatch.setattr(sending, "_no_try_before", time.monotonic() - 1)
        os.kill(pid, signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(10) as threads:
                messages = list(threads.map(lambda _: _failure(), range(10)))
        finally:
            os.kill(pid, signal.SIGCONT)
        assert sum("moment ago" not in message for message in messages) == 1

        monkeypatch.setattr(sending, "_no_try_before", time.monotonic() - 1)
        sending.send(RUN, 2, queue="default", priority=0)
        assert sending._no_try_before == 0


def test_a_stopped_broker_is_found_again(tmp_path_factory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("stopped")
    monkeypatch.setattr(sending, "_no_try_before", 0.0)
    monkeypatch.setattr(sending, "PAUSE", 0.0)
    with temporary(folder) as server:
        monkeypatch.setenv("CELERY_BROKER_URL", server.url)
        sending.send(RUN, 1, queue="default", priority=0)
    assert "moment ago" not in _failure()

    with temporary(folder):
        sending.send(RUN, 2, queue="default", priority=0)
        assert sending.waiting("default") == 2


def test_amqp_goes_through_celery(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no such broker here; the attempt to connect has the limits, and ends at once."""
    monkeypatch.setenv("CELERY_BROKER_URL", "amqp://127.0.0.1:9//")
    monkeypatch.setattr(sending, "_no_try_before", 0.0)

    assert sending._redis(*sending._where()) is None
    options = sending._connection().transport_options
    assert (options["connect_timeout"], options["read_timeout"]) == (sending.LIMIT, sending.LIMIT)
    assert "refused" in _failure()


def test_a_forked_process_has_its_own_connection(broker: Broker) -> None:
    sending.send(RUN, 1, queue="default", priority=0)
    child = os.fork()
    if child == 0:
        try:
            sending.send(RUN, 2, queue="default", priority=0)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    sending.send(RUN, 3, queue="default", priority=0)

    assert _ids(broker, "windsock.default\x06\x165") == [f"{RUN}:3", f"{RUN}:2", str(RUN)]


def _ids(broker: Broker, key: str) -> list[str]:
    return [json.loads(raw)["headers"]["id"] for raw in broker.ask("LRANGE", key, "0", "-1")]


def _failure() -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- whatever the client raises
        sending.send(RUN, 1, queue="default", priority=0)
    return str(caught.value)


def _time_of_failure() -> float:
    began = time.monotonic()
    with pytest.raises(Exception, match=r"(?i)timed? ?out|moment ago"):
        sending.send(RUN, 1, queue="default", priority=0)
    return time.monotonic() - began
