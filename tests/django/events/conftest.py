"""A real server in a thread, so that tests see streams as clients do."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from django.contrib.auth.models import Permission, User
from django.core.asgi import get_asgi_application
from django.db import connection
from django.db.models.functions import Now

from windsock.django.actions import tokens
from windsock.django.events import announce, fanout
from windsock.django.models import TaskRun

MakeRun = Callable[..., TaskRun]


Slow = Callable[..., Any]


@dataclass(frozen=True)
class Event:
    """One block of an event stream; what it does not have is empty."""

    id: str
    name: str
    data: dict[str, Any]
    comment: bool


class Stream:
    """What a client sees of one stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def block(self) -> Event | None:
        """Return the next block; None at the end."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line:
                data = json.loads(fields.get("data", "{}"))
                return Event(fields.get("id", ""), fields.get("event", ""), data, "" in fields)
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        assert not fields, "the stream ended in the middle of a block"
        return None

    def event(self) -> Event | None:
        """Return the next block that has data; None at the end."""
        while (block := self.block()) is not None:
            if block.data:
                return block
        return None

    def states(self, count: int) -> list[tuple[str, str]]:
        """Return key and status of the next events."""
        events = [self.event() for _ in range(count)]
        return [(event.data["id"], event.data["status"]) for event in events if event]


class Site:
    """The project's ASGI application behind uvicorn."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, timeout=20)

    @contextmanager
    def open(self, path: str, token: str = "", **headers: str) -> Iterator[Stream]:
        """Open a stream and wait until it has begun."""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        with self.client.stream("GET", path, headers=headers) as response:
            if response.status_code != 200:
                raise AssertionError(f"{response.status_code} {response.read().decode()}")
            stream = Stream(response)
            stream.block()
            yield stream


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    config = uvicorn.Config(
        get_asgi_application(), port=0, lifespan="off", log_level="warning", timeout_graceful_shutdown=1
    )
    uvicorn_server = uvicorn.Server(config)
    thread = threading.Thread(target=uvicorn_server.run)
    thread.start()
    while not uvicorn_server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = uvicorn_server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    uvicorn_server.should_exit = True
    thread.join()


@pytest.fixture
def site(server: str, transactional_db: None, wait_until: Callable[..., None]) -> Iterator[Site]:
    site = Site(server)
    yield site
    site.client.close()
    # Also a test of every test: nothing reads any more when the last stream is closed.
    wait_until(lambda: not fanout.running())


@pytest.fixture
def ann(transactional_db: None) -> User:
    return User.objects.create_user("ann")


@pytest.fixture
def ann_token(ann: User) -> str:
    return tokens.issue(ann)


@pytest.fixture
def staff_token(transactional_db: None) -> str:
    """Of somebody who may see every task."""
    user = User.objects.create_user("staff")
    user.user_permissions.add(Permission.objects.get(codename="view_taskrun"))
    return tokens.issue(user)


@pytest.fixture
def make_run(transactional_db: None) -> MakeRun:
    def make(owner: User | None = None, **fields: Any) -> TaskRun:
        run = TaskRun.objects.create(task="jobs.add", name="add", owner=owner, **fields)
        announce()
        return run

    return make


class OpenTransaction:
    """Another connection that changed a record and has not committed."""

    def __init__(self, run: TaskRun, progress: int) -> None:
        self._connection = connection.copy()
        self._connection.set_autocommit(False)
        with self._connection.cursor() as cursor:
            cursor.execute(
                "UPDATE windsock_taskrun SET progress = %s, updated_at = statement_timestamp() WHERE id = %s",
                (progress, run.pk),
            )

    def commit(self) -> None:
        self._connection.commit()
        self._connection.close()


@pytest.fixture
def slow_change(transactional_db: None) -> type[OpenTransaction]:
    return OpenTransaction


def change(run: TaskRun, **fields: Any) -> TaskRun:
    """Write some fields, as an action does."""
    TaskRun.objects.filter(pk=run.pk).update(**fields, updated_at=Now())
    announce()
    run.refresh_from_db()
    return run
