"""Over a real ASGI server: what waits holds neither a thread nor a connection."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.db import connection
from tests.django.conftest import Broker, Waiting
from tests.django.events.conftest import MakeRun, change
from tests.django.service.conftest import ROOT, token

from windsock.django.events import fanout
from windsock.django.models import TaskRun
from windsock.django.service import states, waiting

Follow = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def follow(server: str, transactional_db: None, wait_until: Waiting) -> Any:
    with httpx.Client(base_url=server, timeout=30) as client:

        def ask(*runs: TaskRun, seconds: float = 20) -> list[dict[str, Any]]:
            known = {str(run.pk): states.mark(run.status, run.attempt, run.progress) for run in runs}
            body = {"protocol": 1, "tasks": known, "wait_seconds": seconds}
            headers = {"Authorization": f"Bearer {token()}"}
            answer = client.post(f"{ROOT}tasks/follow/", json=body, headers=headers)
            answer.raise_for_status()
            return answer.json()["tasks"]  # type: ignore[no-any-return]

        yield ask
    # Also a test of every test: nobody reads any more when nobody waits.
    wait_until(lambda: not waiting._watches)


def in_thread(function: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(function()))
    thread.start()
    return thread, answers


def test_what_is_news_already_is_answered_at_once(follow: Follow, broker: Broker, make_run: MakeRun) -> None:
    run = make_run()
    known = TaskRun(pk=run.pk, status="PROCESSING")
    began = time.monotonic()
    (told,) = follow(known)
    assert told["status"] == "PENDING"
    assert time.monotonic() - began < 5


def test_a_change_ends_the_waiting(
    follow: Follow, broker: Broker, make_run: MakeRun, wait_until: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "LOOK", 1000.0)
    runs = [make_run() for _ in range(3)]
    thread, answers = in_thread(lambda: follow(*runs))
    wait_until(lambda: waiting._watches)
    change(runs[1], status="PROCESSING", attempt=1, progress=40)
    thread.join()
    ((told,),) = answers
    assert (told["id"], told["progress"]) == (str(runs[1].pk), 40)


def test_without_redis_it_looks_by_itself(
    follow: Follow, make_run: MakeRun, wait_until: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "memory://")
    monkeypatch.setattr(fanout, "LOOK", 0.2)
    run = make_run()
    thread, answers = in_thread(lambda: follow(run))
    wait_until(lambda: waiting._watches)
    change(run, status="DONE", result=3)
    thread.join()
    assert answers[0][0]["result"] == 3


def test_nothing_new_is_an_empty_answer_after_the_time(
    follow: Follow, broker: Broker, make_run: MakeRun
) -> None:
    began = time.monotonic()
    assert follow(make_run(), seconds=0.3) == []
    assert time.monotonic() - began >= 0.3


def test_many_that_wait_hold_no_threads_and_one_connection(
    server: str, follow: Follow, broker: Broker, make_run: MakeRun, wait_until: Waiting
) -> None:
    run = make_run()
    follow(run, seconds=0.01)
    threads, backends = threading.active_count(), connections_open()
    body = {"protocol": 1, "tasks": {str(run.pk): "PENDING.0.0"}, "wait_seconds": 20}
    headers = {"Authorization": f"Bearer {token()}"}

    async def ask_all() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=server, timeout=30) as client:
            path = f"{ROOT}tasks/follow/"
            asked = [asyncio.create_task(client.post(path, json=body, headers=headers)) for _ in range(40)]
            while waiting_now() != 40:
                await asyncio.sleep(0.02)
            # The fan-out's desk and the Redis client's, and Django's own for the request just now.
            assert threading.active_count() <= threads + 6
            assert await asyncio.to_thread(connections_open) <= backends + 3
            await asyncio.to_thread(end, run)
            return await asyncio.gather(*asked)

    answers = asyncio.run(ask_all())
    assert {answer.json()["tasks"][0]["status"] for answer in answers} == {"DONE"}


def waiting_now() -> int:
    return sum(len(watch._streams) for watch in waiting._watches.values())


def end(run: TaskRun) -> None:
    change(run, status="DONE")
    connection.close()


def connections_open() -> int:
    """How many there are beside the one that counts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()")
        (found,) = cursor.fetchone()
    connection.close()
    return int(found)


def test_who_goes_away_is_forgotten(
    server: str, follow: Follow, broker: Broker, make_run: MakeRun, wait_until: Waiting
) -> None:
    run = make_run()
    body = {"protocol": 1, "tasks": {str(run.pk): "PENDING.0.0"}, "wait_seconds": 20}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{server}{ROOT}tasks/follow/",
            json=body,
            headers={"Authorization": f"Bearer {token()}"},
            timeout=0.5,
        )
    wait_until(lambda: not waiting._watches, seconds=5)
