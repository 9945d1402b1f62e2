import asyncio
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from tests.django.conftest import Broker, Waiting
from tests.django.events.conftest import MakeRun, Site, Slow, change

from windsock.django.events import changes, fanout
from windsock.django.events.changes import Change
from windsock.django.models import TaskRun
from windsock.local import broker as valkey
from windsock.local.process import spawn

LIST = "/api/tasks/events/"


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wakes; but it looks often."""
    monkeypatch.setenv("CELERY_BROKER_URL", "memory://")
    monkeypatch.setattr(fanout, "LOOK", 0.2)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each look read."""
    read = changes.since
    counted: list[int] = []

    def count(*arguments: Any) -> list[Change]:
        found = read(*arguments)
        counted.append(len(found))
        return found

    monkeypatch.setattr(changes, "since", count)
    return counted


def test_without_redis_it_looks_by_itself(
    no_redis: None, site: Site, ann: User, ann_token: str, make_run: MakeRun
) -> None:
    with site.open(LIST, ann_token) as stream:
        for status in ("PENDING", "PROCESSING", "DONE"):
            run = make_run(ann, status=status)
            assert stream.states(1) == [(str(run.pk), status)]


def test_nothing_is_read_twice_and_one_look_serves_all(
    no_redis: None,
    looks: list[int],
    site: Site,
    ann: User,
    ann_token: str,
    make_run: MakeRun,
    wait_until: Waiting,
) -> None:
    make_run(ann)
    with site.open(LIST, ann_token) as one, site.open(LIST, ann_token) as two:
        run = make_run(ann, status="DONE")
        assert one.states(1) == two.states(1) == [(str(run.pk), "DONE")]
        before = len(looks)
        wait_until(lambda: len(looks) > before + 2)
        assert sum(looks) == 1


def test_only_what_somebody_watches_is_read(
    no_redis: None, looks: list[int], site: Site, ann: User, ann_token: str, make_run: MakeRun
) -> None:
    with site.open(LIST, ann_token) as stream:
        for _ in range(5):
            make_run()
        run = make_run(ann)
        assert stream.states(1) == [(str(run.pk), "PENDING")]
        assert sum(looks) == 1


def test_nothing_runs_while_no_stream_is_open(
    no_redis: None, looks: list[int], site: Site, ann_token: str, wait_until: Waiting
) -> None:
    with site.open(LIST, ann_token):
        wait_until(lambda: len(looks) > 1)
        (reader,) = fanout.running()
    wait_until(lambda: reader._task.done())
    seen = len(looks)
    with site.open(LIST, ann_token):
        assert next(iter(fanout.running())) is not reader
    assert len(looks) >= seen


def test_a_change_that_was_committed_late_is_seen(
    no_redis: None, looks: list[int], slow_change: Slow, site: Site, staff_token: str, make_run: MakeRun
) -> None:
    first, second = make_run(status="PROCESSING"), make_run()
    with site.open(LIST, staff_token) as stream:
        slow = slow_change(first, 30)
        for progress in (10, 20):
            change(second, status="PROCESSING", progress=progress)
            event = stream.event()
            assert event
            assert event.data["progress"] == progress
        slow.commit()
        late = stream.event()
        assert late
        assert (late.data["id"], late.data["progress"]) == (str(first.pk), 30)
        assert late.id >= event.id, "it must not lead a client back"


def test_a_portion_is_not_all(
    no_redis: None, site: Site, staff_token: str, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [make_run() for _ in range(7)]
    monkeypatch.setattr(changes, "PORTION", 2)
    with site.open(LIST, staff_token) as stream:
        TaskRun.objects.update(progress=5, updated_at=changes.now().at)
        assert {key for key, _ in stream.states(7)} == {str(run.pk) for run in runs}


def test_it_goes_on_when_the_database_answers_again(
    no_redis: None,
    site: Site,
    ann: User,
    ann_token: str,
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    wait_until: Waiting,
) -> None:
    def away(*_: Any) -> Any:
        raise OperationalError("the server closed the connection")

    with site.open(LIST, ann_token) as stream:
        with monkeypatch.context() as patch:
            patch.setattr(changes, "since", away)
            run = make_run(ann, status="DONE")
            wait_until(lambda: "Open streams wait" in caplog.text)
        assert stream.states(1) == [(str(run.pk), "DONE")]
    assert caplog.text.count("Open streams wait") == 1


class Redis:
    """A Valkey that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.server = valkey.Broker(data=folder / "data", socket_file=folder / "v.sock")
        self._log = (folder / "log").open("wb")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, wait_until: Callable[..., None]) -> None:
        self.server.prepare()
        self._process = spawn(self.server.command(), self._log)
        wait_until(self.server.accepts)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=10)
            self._process = None

    def close(self) -> None:
        self.stop()
        self._log.close()


@pytest.fixture
def own_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_until: Waiting) -> Iterator[Redis]:
    own = Redis(tmp_path)
    monkeypatch.setenv("CELERY_BROKER_URL", own.server.url)
    own.start(wait_until)
    yield own
    own.close()


def test_redis_may_go_and_come(
    own_redis: Redis,
    site: Site,
    ann: User,
    ann_token: str,
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    wait_until: Waiting,
) -> None:
    caplog.set_level("INFO", "windsock.django.events")
    monkeypatch.setattr(fanout, "RECONNECT_AFTER", 0.05)
    monkeypatch.setattr(fanout, "LOOK", 0.5)
    with site.open(LIST, ann_token) as stream:
        run = make_run(ann, status="DONE")
        assert stream.states(1) == [(str(run.pk), "DONE")]
        own_redis.stop()
        wait_until(lambda: "until Redis answers" in caplog.text)
        run = make_run(ann, status="FAILED")
        assert stream.states(1) == [(str(run.pk), "FAILED")]
        # From here on only being woken can be in time.
        monkeypatch.setattr(fanout, "LOOK", 1000.0)
        own_redis.start(wait_until)
        run = make_run(ann, status="SKIPPED")
        assert stream.states(1) == [(str(run.pk), "SKIPPED")]


def test_a_redis_that_does_not_answer_is_left(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf:
        asked = 0

        async def subscribe(self, _: str) -> None: ...

        async def ping(self) -> None:
            self.asked += 1

        async def get_message(self, timeout: float) -> None:
            await asyncio.sleep(0)

    async def listen() -> int:
        deaf, reader = Deaf(), fanout.FanOut()
        with pytest.raises(ConnectionError):
            await reader._obey(deaf)
        reader._task.cancel()
        reader._desk.close()
        return deaf.asked

    assert asyncio.run(listen()) == 1
