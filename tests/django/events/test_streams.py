import asyncio
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from pytest_django import Settings
from tests.django.conftest import Broker, Waiting
from tests.django.events.conftest import MakeRun, Site, Slow, change

from windsock.django.events import changes, fanout, streams
from windsock.django.events.positions import START, Position
from windsock.django.events.streams import Stream
from windsock.django.events.viewers import Viewer
from windsock.django.models import ApiToken, TaskRun

LIST = "/api/tasks/events/"


def keys(*runs: TaskRun) -> list[str]:
    return [str(run.pk) for run in runs]


def position_of(run: TaskRun) -> str:
    run.refresh_from_db()
    return str(Position(run.updated_at, run.pk))


@pytest.mark.parametrize("way", ["header", "query"])
def test_a_client_goes_on_after_its_last_event(
    way: str, site: Site, broker: Broker, ann: User, ann_token: str, make_run: MakeRun
) -> None:
    first, second, third = (make_run(ann) for _ in range(3))
    change(second, status="PROCESSING")
    make_run()
    last = position_of(first)
    header = {"Last-Event-ID": last} if way == "header" else {}
    path = LIST if way == "header" else f"{LIST}?last_event_id={last}"
    with site.open(path, ann_token, **header) as stream:
        assert stream.states(2) == [(str(third.pk), "PENDING"), (str(second.pk), "PROCESSING")]
        change(first, status="DONE")
        assert stream.states(1) == [(str(first.pk), "DONE")]


def test_it_goes_on_in_portions_and_over_long_times(
    site: Site,
    broker: Broker,
    staff_token: str,
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = [make_run() for _ in range(8)]
    at = changes.now().at
    for run, days in zip(runs, (900, 30, 30, 30, 30, 2, 0, 0), strict=True):
        TaskRun.objects.filter(pk=run.pk).update(updated_at=at - timedelta(days=days))
    monkeypatch.setattr(changes, "PORTION", 2)
    with site.open(LIST, staff_token, **{"Last-Event-ID": str(START)}) as stream:
        assert [key for key, _ in stream.states(8)] == keys(*runs)


def test_one_task_goes_on_with_what_changed(
    site: Site, broker: Broker, ann: User, ann_token: str, make_run: MakeRun
) -> None:
    run = make_run(ann)
    path = f"/api/tasks/{run.pk}/events/"
    with site.open(path, ann_token, **{"Last-Event-ID": position_of(run)}) as stream:
        change(run, status="PROCESSING")
        assert stream.states(1) == [(str(run.pk), "PROCESSING")]


def test_a_client_without_any_event_knows_from_where_to_go_on(
    site: Site, broker: Broker, ann: User, ann_token: str, make_run: MakeRun
) -> None:
    make_run(ann)
    with site.client.stream("GET", LIST, headers={"Authorization": f"Bearer {ann_token}"}) as response:
        first = next(response.iter_text())
    last = re.search(r"id: (\S+)", first)
    assert last
    run = make_run(ann)
    with site.open(LIST, ann_token, **{"Last-Event-ID": last[1]}) as stream:
        assert stream.states(1) == [(str(run.pk), "PENDING")]


def test_what_was_committed_while_the_client_was_away_is_not_lost(
    site: Site, broker: Broker, staff_token: str, make_run: MakeRun, slow_change: Slow
) -> None:
    first, second = make_run(status="PROCESSING"), make_run()
    with site.open(LIST, staff_token) as stream:
        slow = slow_change(first, 30)
        change(second, status="PROCESSING")
        event = stream.event()
        assert event
        assert event.data["id"] == str(second.pk)
    slow.commit()
    with site.open(LIST, staff_token, **{"Last-Event-ID": event.id}) as stream:
        late = stream.event()
        assert late
        assert (late.data["id"], late.data["progress"]) == (str(first.pk), 30)


def test_a_silent_stream_says_that_it_is_there(
    site: Site, ann_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE", 0.05)
    with site.open(LIST, ann_token) as stream:
        for _ in range(2):
            block = stream.block()
            assert block
            assert block.comment
            assert not block.data


def take_token(_: User) -> None:
    ApiToken.objects.all().delete()


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


@pytest.mark.parametrize("lock_out", [take_token, deactivate])
def test_a_stream_ends_when_its_viewer_may_not_go_on(
    lock_out: Callable[[User], None],
    site: Site,
    broker: Broker,
    ann: User,
    ann_token: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "CHECK", 0.1)
    with site.open(LIST, ann_token) as stream:
        lock_out(ann)
        assert stream.event() is None


def test_the_stream_of_a_task_ends_when_it_may_not_be_seen_any_more(
    site: Site, broker: Broker, ann: User, ann_token: str, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "CHECK", 0.1)
    run = make_run(ann)
    with site.open(f"/api/tasks/{run.pk}/events/", ann_token) as stream:
        assert stream.states(1)
        run.delete()
        assert stream.event() is None


def test_a_permission_that_was_taken_hides_what_it_showed(
    site: Site,
    broker: Broker,
    ann: User,
    ann_token: str,
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    wait_until: Waiting,
) -> None:
    monkeypatch.setattr(streams, "CHECK", 0.1)
    ann.user_permissions.add(Permission.objects.get(codename="view_taskrun"))
    with site.open(LIST, ann_token) as stream:
        others = make_run(status="DONE")
        assert stream.states(1) == [(str(others.pk), "DONE")]
        (reader,) = fanout.running()
        ann.user_permissions.clear()
        wait_until(lambda: not any(each.viewer.sees_all for each in reader._streams))
        make_run()
        mine = make_run(ann, status="DONE")
        assert stream.states(1) == [(str(mine.pk), "DONE")]


def test_a_database_that_is_away_signs_nobody_out(
    site: Site, broker: Broker, ann: User, ann_token: str, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    checked: list[int] = []

    def away(self: Viewer) -> Viewer | None:
        checked.append(1)
        raise OperationalError("away")

    monkeypatch.setattr(streams, "CHECK", 0.05)
    monkeypatch.setattr(streams, "CHECK_AGAIN", 0.05)
    monkeypatch.setattr(Viewer, "again", away)
    monkeypatch.setattr(streams, "KEEP_ALIVE", 0.2)
    with site.open(LIST, ann_token) as stream:
        while len(checked) < 3:
            assert stream.block()
        run = make_run(ann, status="DONE")
        assert stream.states(1) == [(str(run.pk), "DONE")]


def viewer(user: User) -> Viewer:
    return Viewer(user, None, {}, True)


def state(number: int, *, microseconds: int = 0, transaction: int = 10) -> changes.Change:
    position = Position(START.at + timedelta(microseconds=microseconds), UUID(int=number), 5)
    return changes.Change(position, transaction, None, False, b"event: task\ndata: {}\n\n")


def test_of_each_task_only_the_newest_state_waits(ann: User) -> None:
    async def wait() -> list[changes.Change]:
        stream = Stream(viewer(ann))
        for each in (state(1, microseconds=3), state(2, microseconds=2), state(1, microseconds=4)):
            stream.hand(each)
        stream.hand(state(1, microseconds=1))
        return stream._take()

    assert asyncio.run(wait()) == [state(2, microseconds=2), state(1, microseconds=4)]


def test_a_client_that_is_too_far_behind_reads_the_record_again(
    site: Site,
    broker: Broker,
    staff_token: str,
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "MOST_WAITING", 3)
    runs = [make_run() for _ in range(10)]
    with site.open(LIST, staff_token) as stream:
        TaskRun.objects.update(status="DONE", updated_at=changes.now().at)
        change(runs[0], status="DONE")
        seen = set()
        while len(seen) < 10:
            seen.update(stream.states(1))
        assert seen == {(key, "DONE") for key in keys(*runs)}


def test_a_stream_keeps_at_most_so_many_states(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait() -> tuple[int, bool]:
        stream = Stream(viewer(ann))
        for number in range(100):
            stream.hand(state(number))
        return len(stream._waiting), stream._overrun

    monkeypatch.setattr(streams, "MOST_WAITING", 10)
    count, overrun = asyncio.run(wait())
    assert count <= 10
    assert overrun


def test_what_the_beginning_showed_is_not_told_again(ann: User) -> None:
    async def wait() -> list[changes.Change]:
        stream = Stream(viewer(ann))
        stream._horizon = 10
        stream.hand(state(1, transaction=9))
        stream.hand(state(2, transaction=10))
        return stream._take()

    assert asyncio.run(wait()) == [state(2)]


def test_a_stream_that_breaks_leaves_nothing_behind(
    transactional_db: None, ann: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any) -> AsyncIterator[bytes]:
        yield b""
        raise TypeError("a mistake")

    async def read() -> list[bytes]:
        stream = Stream(viewer(ann))
        pieces = [piece async for piece in stream]
        assert stream.closed
        return pieces

    monkeypatch.setattr(Stream, "_begin", broken)
    assert asyncio.run(read()) == [b""]
    assert "a mistake" in caplog.text
    assert not fanout.running()


def test_a_stream_is_closed_from_another_thread(
    transactional_db: None, ann: User, settings: Settings
) -> None:
    async def read() -> None:
        stream = Stream(viewer(ann))
        pieces = aiter(stream)
        assert (await anext(pieces)).startswith(b"retry: ")
        assert fanout.running()
        await asyncio.to_thread(stream.close)
        await asyncio.sleep(0)
        assert stream.closed
        assert not fanout.running()
        await pieces.aclose()  # type: ignore[attr-defined]

    asyncio.run(read())
    connection.close()
