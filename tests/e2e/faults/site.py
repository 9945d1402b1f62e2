"""The running example: what it answers, what its record says, and how often its tasks were executed."""

import itertools
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import local
from typing import Any

import httpx
import psycopg
from tests.e2e.faults.processes import Process, waited
from tests.e2e.faults.servers import Postgres, Valkey

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "example"
PROJECT = Path(__file__).with_name("project")
WORKER = ("-m", "django", "windsock_worker", "--processes")
RELAY = ("-m", "django", "windsock_relay")
TRACE = """
    CREATE TABLE trace (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        task uuid, attempt int, pid int, word text, at timestamptz DEFAULT clock_timestamp()
    );
    CREATE INDEX ON trace (task)
"""
OVERDUE = "SELECT count(*) FROM windsock_taskrun WHERE status = 'PENDING' AND next_send_at < now()"
Ids = Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What one request came to."""

    status: int
    seconds: float
    task_id: str = ""
    username: str = ""


@dataclass(kw_only=True, slots=True)
class Site:
    """The example with its own PostgreSQL and Valkey, and a web process."""

    folder: Path
    postgres: Postgres
    valkey: Valkey
    environment: dict[str, str]
    url: str = ""
    token: str = ""
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement; return its rows."""
        address = self.postgres.server.url("example")
        with psycopg.connect(address, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def run(self, *arguments: str) -> str:
        """Run Python in the example's environment; return what it printed."""
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command,
            cwd=EXAMPLE,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self, *arguments: str, **environment: str) -> Process:
        """Start Python in the example's environment."""
        log = self.folder / f"{next(self._numbers):02}-{arguments[2]}.log"
        with log.open("wb") as output:
            started = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=EXAMPLE,
                env=self.environment | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Process(popen=started, log=log)

    @contextmanager
    def running(self, *arguments: str, **environment: str) -> Iterator[Process]:
        """Keep a process that tells when it is ready, while the block lasts."""
        ready = self.folder / f"{next(self._numbers):02}.ready"
        process = self.start(*arguments, WINDSOCK_READY_FILE=str(ready), **environment)
        try:
            waited(
                lambda: ready.exists() or process.popen.poll() is not None,
                seconds=60,
                say=process.log.read_text,
            )
            assert process.popen.poll() is None, process.log.read_text()
            yield process
        finally:
            process.stop()
            print(process.log.name, process.log.read_text()[-3000:])

    def worker(self, processes: int = 2, **environment: str) -> Any:
        """Keep a worker while the block lasts."""
        return self.running(*WORKER, str(processes), **environment)

    def relay(self, **environment: str) -> Any:
        """Keep a relay while the block lasts."""
        return self.running(*RELAY, **environment)

    def serve(self) -> Process:
        """Start the web process and find out where it answers."""
        application = ["windsock.django.asgi:application", "--port", "0", "--lifespan", "off"]
        process = self.start(
            "-m", "uvicorn", *application, "--timeout-graceful-shutdown", "1", "--no-access-log"
        )
        found = waited(
            lambda: re.search(r"running on (http://127\.0\.0\.1:\d+)", process.log.read_text()),
            say=process.log.read_text,
        )
        self.url = found[1]
        return process

    def client(self) -> httpx.Client:
        """Return a client with the superuser's token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=30)

    def enqueue(self, name: str, count: int = 1, **kwargs: Any) -> list[str]:
        """Start a task of ``fault_tasks``; return the ids."""
        with self.client() as client:
            asked = {"count": count, "kwargs": kwargs}
            answer = client.post(f"/faults/{name}/", json=asked, timeout=600)
            assert answer.status_code == 200, answer.text[:2000]
            ids: list[str] = answer.json()["ids"]
            return ids

    def task(self, task_id: str) -> dict[str, Any]:
        """Return what REST says about a task."""
        with self.client() as client:
            answer = client.get(f"/api/tasks/{task_id}/")
            assert answer.status_code == 200, answer.text
            said: dict[str, Any] = answer.json()
            return said

    def cancel(self, task_id: str) -> int:
        """Ask to cancel; return the status of the answer."""
        with self.client() as client:
            return client.post(f"/api/tasks/{task_id}/cancel/").status_code

    def create_users(self, count: int, *, callers: int = 8, seconds: float = 0) -> "Load":
        """Begin to have users created by several callers at a time.

        Args:
            count: how many.
            callers: how many requests are out at a time, at most.
            seconds: over which the requests are spread evenly; 0: as fast as the callers go.
        """
        return Load(self, count, callers=callers, seconds=seconds)

    def rows(self, ids: Ids) -> dict[str, dict[str, Any]]:
        """Return the whole records by id."""
        found = self.sql(
            "SELECT id::text, to_jsonb(windsock_taskrun) FROM windsock_taskrun WHERE id = ANY(%s)", ids
        )
        return dict(found)

    def statuses(self, ids: Ids) -> Counter[str]:
        """Count the records by status."""
        found = self.sql(
            "SELECT status, count(*) FROM windsock_taskrun WHERE id = ANY(%s::uuid[]) GROUP BY status",
            list(ids),
        )
        return Counter(dict(found))

    def overdue(self) -> int:
        """Wait until there are tasks that the relay may send again; have it look now, and return how many."""
        found: int = waited(lambda: self.sql(OVERDUE)[0][0])
        self.sql("SELECT pg_notify('windsock_relay', 'tasks.send')")
        return found

    def ended(self, ids: Ids, *, seconds: float = 60) -> Counter[str]:
        """Wait until all are finished; count them by status."""

        def finished() -> Counter[str] | None:
            counted = self.statuses(ids)
            open_ones = counted["PENDING"] + counted["PROCESSING"]
            return counted if not open_ones and counted.total() == len(ids) else None

        result: Counter[str] = waited(finished, seconds=seconds, say=lambda: str(self.statuses(ids)))
        return result

    def traces(self, ids: Ids, word: str = "begun") -> list[tuple[str, int, int]]:
        """Return (task, attempt, pid) of each trace that was left."""
        return self.sql(
            "SELECT task::text, attempt, pid FROM trace"
            " WHERE task = ANY(%s::uuid[]) AND word = %s ORDER BY id",
            list(ids),
            word,
        )

    def begun(self, task_id: str, attempt: int = 1, *, seconds: float = 30) -> int:
        """Wait until an attempt has left its trace; return the process that did."""

        def pid() -> int | None:
            found = [each for _, number, each in self.traces([task_id]) if number == attempt]
            return found[0] if found else None

        return int(waited(pid, seconds=seconds, say=lambda: str(self.rows([task_id]))))

    @contextmanager
    def lock(self, number: int) -> Iterator[None]:
        """Have the tasks that wait for a lock wait while the block lasts."""
        with psycopg.connect(self.postgres.server.url("example"), autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (number,))
            yield


class Load:
    """Requests that create users, which come in while the test goes on."""

    def __init__(self, site: Site, count: int, *, callers: int, seconds: float) -> None:
        self.prefix = f"load{time.time_ns()}"
        self._site = site
        self._began, self._pause = time.monotonic(), seconds / count
        self._here = local()
        self._clients: list[httpx.Client] = []
        self._pool = ThreadPoolExecutor(callers)
        self._answers: list[Answer] = []
        self._futures = [self._pool.submit(self._ask, number) for number in range(count)]

    def reached(self, count: int) -> None:
        """Wait until so many requests were answered."""
        waited(lambda: len(self._answers) >= count, seconds=120)

    def answers(self) -> list[Answer]:
        """Wait until all are answered."""
        for future in self._futures:
            future.result(timeout=120)
        self._pool.shutdown()
        for client in self._clients:
            client.close()
        return self._answers

    def users(self, answers: Iterable[Answer]) -> int:
        """Count the users that the accepted requests made."""
        names = [answer.username for answer in answers if answer.status == 202]
        return int(self._site.sql("SELECT count(*) FROM users_user WHERE username = ANY(%s)", names)[0][0])

    def _ask(self, number: int) -> None:
        if not hasattr(self._here, "client"):
            self._here.client = self._site.client()
            self._clients.append(self._here.client)
        time.sleep(max(0, self._began + number * self._pause - time.monotonic()))
        username = f"{self.prefix}-{number}"
        began = time.monotonic()
        answer = self._here.client.post(
            "/api/users/", json={"username": username, "email": f"{username}@example.com"}
        )
        seconds = time.monotonic() - began
        task_id = answer.json()["task_id"] if answer.status_code == 202 else ""
        self._answers.append(
            Answer(status=answer.status_code, seconds=seconds, task_id=task_id, username=username)
        )
