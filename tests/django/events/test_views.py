import asyncio
from typing import Any

import httpx
import psutil
import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import AsyncClient, Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings
from tests.django import jobs
from tests.django.conftest import Broker, Waiting
from tests.django.events.conftest import MakeRun, Site, change

from windsock.django.actions import tokens
from windsock.django.events import fanout, views
from windsock.django.events.positions import Position
from windsock.django.models import TaskRun
from windsock.django.tasks import acting_as

LIST = "/api/tasks/events/"


def bearer(token: str, **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **headers}


def open_streams() -> int:
    return sum(not stream.closed for streams in views._open.values() for stream in streams)


def path_of(run: TaskRun) -> str:
    return f"/api/tasks/{run.pk}/events/"


def test_the_addresses_are_the_documented_ones() -> None:
    assert reverse("windsock:api-task-events") == LIST
    assert reverse("windsock:api-task-events", args=("x",)) == "/api/tasks/x/events/"


def test_a_change_is_seen_at_once(
    site: Site, broker: Broker, ann: User, ann_token: str, make_run: MakeRun
) -> None:
    run = make_run(ann)
    with site.open(LIST, ann_token) as stream:
        run = change(run, status="PROCESSING", progress=40)
        event = stream.event()
        assert event
        assert event.name == "task"
        assert event.data["progress"] == 40
        assert Position.parse(event.id) == Position(run.updated_at, run.pk)


def test_a_real_worker_is_followed_to_the_end(
    worker: Broker, site: Site, ann: User, ann_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "LOOK", 1000.0)
    with site.open(LIST, ann_token) as stream:
        with acting_as(ann):
            key = jobs.report.enqueue(4).id
        seen = []
        while "DONE" not in [status for _, status in seen]:
            seen += stream.states(1)
        assert {owner for owner, _ in seen} == {key}


def test_the_answer_is_neither_kept_nor_held_back(site: Site, ann_token: str) -> None:
    with site.open(LIST, ann_token, Accept="text/event-stream") as stream:
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        assert stream.response.headers["Cache-Control"] == "no-store"
        assert stream.response.headers["X-Accel-Buffering"] == "no"


def test_one_task_begins_with_its_state_and_ends_with_its_end(
    site: Site, broker: Broker, ann: User, ann_token: str, make_run: MakeRun
) -> None:
    run = make_run(ann)
    with site.open(path_of(run), ann_token) as stream:
        assert stream.states(1) == [(str(run.pk), "PENDING")]
        make_run(ann, status="PROCESSING")
        change(run, status="PROCESSING")
        assert stream.states(1) == [(str(run.pk), "PROCESSING")]
        change(run, status="DONE")
        assert stream.states(1) == [(str(run.pk), "DONE")]
        assert stream.block() is None


def test_a_finished_task_is_told_once(site: Site, ann: User, ann_token: str, make_run: MakeRun) -> None:
    run = make_run(ann, status="FAILED")
    with site.open(path_of(run), ann_token) as stream:
        event = stream.event()
        assert event
        assert event.data["status"] == "FAILED"
        assert stream.block() is None
    again = site.client.get(path_of(run), headers=bearer(ann_token, **{"Last-Event-ID": event.id}))
    assert again.status_code == 204, "a browser must not come back for ever"


def test_everybody_sees_the_own_tasks_and_some_see_all(
    site: Site, broker: Broker, ann: User, ann_token: str, staff_token: str, make_run: MakeRun
) -> None:
    others = make_run(User.objects.create_user("other"))
    with site.open(LIST, ann_token) as own, site.open(LIST, staff_token) as every:
        change(others, status="PROCESSING")
        assert every.states(1) == [(str(others.pk), "PROCESSING")]
        mine = make_run(ann, status="PROCESSING")
        assert own.states(1) == [(str(mine.pk), "PROCESSING")]


@pytest.mark.parametrize("path", [LIST, "/api/tasks/01a1fda0-9c08-7300-8cfa-91734673bd33/events/"])
@pytest.mark.parametrize("headers", [{}, bearer("wrong")])
def test_who_is_not_signed_in_gets_the_apis_answer(site: Site, path: str, headers: dict[str, str]) -> None:
    answer = site.client.get(path, headers=headers)
    other = site.client.get("/api/tasks/", headers=headers)
    assert answer.status_code == other.status_code == 401
    assert answer.json() == other.json()
    assert answer.headers["WWW-Authenticate"] == other.headers["WWW-Authenticate"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("key", ["nonsense", "01a1fda0-9c08-7300-8cfa-91734673bd33", "others"])
def test_what_one_may_not_see_does_not_exist(key: str, site: Site, ann_token: str, make_run: MakeRun) -> None:
    others = make_run(User.objects.create_user("other"))
    path = path_of(others) if key == "others" else f"/api/tasks/{key}/events/"
    answer = site.client.get(path, headers=bearer(ann_token))
    assert answer.status_code == 404
    assert set(answer.json()) == {"detail"}


@pytest.mark.parametrize("way", [{"headers": {"Last-Event-ID": "x"}}, {"params": {"last_event_id": "1-2"}}])
def test_what_is_no_event_id_is_refused(way: dict[str, Any], site: Site, ann_token: str) -> None:
    site.client.headers.update(bearer(ann_token))
    answer = site.client.get(LIST, **way)
    assert answer.status_code == 400
    assert answer.json() == {"last_event_id": ["That is not the id of an event."]}


def test_a_session_is_as_good_as_a_token(site: Site, broker: Broker, ann: User, make_run: MakeRun) -> None:
    browser = Client()
    browser.force_login(ann)
    cookie = f"sessionid={browser.cookies['sessionid'].value}"
    with site.open(LIST, Cookie=cookie) as stream:
        run = make_run(ann, status="DONE")
        assert stream.states(1) == [(str(run.pk), "DONE")]


def test_streams_per_user_are_limited(
    site: Site, ann_token: str, staff_token: str, settings: Settings, wait_until: Waiting
) -> None:
    settings.WINDSOCK = {"STREAMS_PER_USER": "2"}
    with site.open(LIST, ann_token), site.open(LIST, staff_token):
        with site.open(LIST, ann_token):
            answer = site.client.get(LIST, headers=bearer(ann_token))
            assert answer.status_code == 429
            assert answer.json() == {"detail": "At most 2 event streams may be open at the same time."}
            assert answer.headers["Retry-After"]
        wait_until(lambda: open_streams() == 2)
        with site.open(LIST, ann_token):
            pass


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("OPTIONS", 200), ("POST", 405), ("PUT", 405)])
def test_other_methods_open_nothing(method: str, status: int, site: Site, ann_token: str) -> None:
    answer = site.client.request(method, LIST, headers=bearer(ann_token))
    assert answer.status_code == status
    assert open_streams() == 0


def test_a_synchronous_server_says_that_it_cannot(client: Client) -> None:
    answer = client.get(LIST)
    assert answer.status_code == 501
    assert "ASGI" in answer.json()["detail"]


def test_no_transaction_is_kept_open_for_a_stream(settings: Settings) -> None:
    assert set(views.events._non_atomic_requests) == set(connections)  # type: ignore[attr-defined]


def test_a_project_that_wraps_requests_in_transactions_has_streams(
    transactional_db: None, ann_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def get() -> Any:
        response: Any = await AsyncClient().get(LIST, headers=bearer(ann_token))
        async for piece in response:
            return response, piece
        return None

    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    response, first = asyncio.run(get())
    assert response.status_code == 200
    assert first.startswith(b"retry: ")
    response.close()


def test_a_request_of_the_synchronous_kind_never_begins_a_stream(db: None, ann: User) -> None:
    request: Any = RequestFactory().get(LIST)
    request.user = ann
    assert asyncio.run(views.events(request)).status_code == 501


@pytest.mark.parametrize("count", [20, pytest.param(500, marks=pytest.mark.full)])
def test_streams_hold_no_thread_and_no_connection_each(
    count: int, site: Site, broker: Broker, make_run: MakeRun, wait_until: Waiting, settings: Settings
) -> None:
    settings.WINDSOCK = {"STREAMS_PER_USER": 5}
    users = [User.objects.create_user(f"u{number}") for number in range(count // 5)]
    runs = {user.pk: make_run(user) for user in users}
    callers = [(user.pk, tokens.issue(user)) for user in users for _ in range(5)]
    process = psutil.Process()
    threads, backends = process.num_threads(), connected()
    status = asyncio.run(see_all(str(site.client.base_url), callers, runs, process))
    assert status["threads"] - threads <= 20
    assert status["connections"] - backends <= 5
    assert status["seen"] == count
    wait_until(lambda: connected() <= backends)


async def see_all(
    url: str, callers: list[tuple[int, str]], runs: dict[int, TaskRun], process: psutil.Process
) -> dict[str, Any]:
    """Open all streams, change each task once, and wait until everyone saw it."""
    begun, seen = asyncio.Semaphore(0), list[int]()

    async def watch(client: httpx.AsyncClient, owner: int, token: str) -> None:
        async with client.stream("GET", LIST, headers=bearer(token)) as response:
            assert response.status_code == 200
            lines = response.aiter_lines()
            assert (await anext(lines)).startswith("retry:")
            begun.release()
            async for line in lines:
                if str(runs[owner].pk) in line and line.startswith("data:"):
                    seen.append(owner)
                    return

    limits = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client,
        asyncio.TaskGroup() as group,
    ):
        for caller in callers:
            group.create_task(watch(client, *caller))
        for _ in callers:
            await begun.acquire()
        threads = process.num_threads()
        connections = await asyncio.to_thread(count_and_change, list(runs.values()))
    return {"threads": threads, "connections": connections, "seen": len(seen)}


def count_and_change(runs: list[TaskRun]) -> int:
    try:
        connections = connected() - 1
        for run in runs:
            change(run, status="PROCESSING")
        return connections
    finally:
        connection.close()


def connected() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])
