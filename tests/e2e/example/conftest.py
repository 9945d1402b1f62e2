"""The example with PostgreSQL, Valkey, a web process and a worker, without Airflow; and a real browser."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from windsock.local import broker, postgres

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "example"
PASSWORD = "a long password"
Open = Callable[..., Page]


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """The running example."""

    url: str
    database_url: str
    seeds: dict[str, str]
    environment: dict[str, str]
    api: httpx.Client  #: with the superuser's token
    stranger: httpx.Client  #: without a login

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement; return its rows."""
        with psycopg.connect(self.database_url) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def python(self, code: str) -> str:
        """Run Python in the example's environment; return what it printed."""
        return run(["-c", f"import django; django.setup()\n{code}"], self.environment)


def run(arguments: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=EXAMPLE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def process(log: Path, arguments: list[str], environment: dict[str, str]) -> Iterator[None]:
    """Keep a process of the example while the block lasts."""
    with log.open("wb") as output:
        started = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=EXAMPLE,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        started.terminate()
        try:
            started.wait(timeout=15)
        finally:
            started.kill()


def waited(condition: Callable[[], Any], *, seconds: float = 20, say: Callable[[], str] = str) -> Any:
    """Return what ``condition`` comes to once it is true."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, say() or "it did not come true in time"
        time.sleep(0.05)
    return result


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("example")
    with postgres.temporary(folder) as server, broker.temporary(folder) as valkey:
        server.create_database("example")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": server.url("example"),
            "CELERY_BROKER_URL": valkey.url,
            "PYTHONPATH": str(EXAMPLE),
        }
        run(["-m", "django", "migrate", "-v0"], environment)
        seeds = json.loads(run([str(Path(__file__).with_name("seed.py"))], environment))
        token = run(["-m", "django", "windsock_token"], environment).strip()
        environment["WINDSOCK_API_TOKEN"] = token
        log = folder / "web.log"
        web = ["windsock.django.asgi:application", "--port", "0", "--lifespan", "off"]
        stop = ["--timeout-graceful-shutdown", "3"]
        with process(log, ["-m", "uvicorn", *web, *stop], environment):
            found = waited(
                lambda: re.search(r"running on (http://127\.0\.0\.1:\d+)", log.read_text()), say=log.read_text
            )
            environment["WINDSOCK_BASE_URL"] = found[1]
            with client(found[1], token) as api, client(found[1]) as stranger:
                yield Site(
                    url=found[1],
                    database_url=server.url("example"),
                    seeds=seeds,
                    environment=environment,
                    api=api,
                    stranger=stranger,
                )


def client(url: str, token: str = "") -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=url, headers=headers, trust_env=False)


@pytest.fixture(scope="session")
def worker(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Celery worker of the example."""
    folder = tmp_path_factory.mktemp("worker")
    ready, log = folder / "ready", folder / "log"
    arguments = ["-m", "celery", "-A", "windsock.django.celery:app", "worker", "-c", "1"]
    quiet = ["--without-gossip", "--without-mingle"]
    environment = site.environment | {"WINDSOCK_READY_FILE": str(ready)}
    with process(log, [*arguments, *quiet], environment):
        waited(ready.exists, say=log.read_text)
        yield


@pytest.fixture(scope="session")
def cookies() -> dict[str, Any]:
    """The browser's state of everybody who has logged in."""
    return {}


@pytest.fixture
def open_page(chromium: Browser, site: Site, cookies: dict[str, Any]) -> Iterator[Open]:
    """Log somebody in and open a page; afterwards no script may have failed."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_it(path: str = "/windsock/", *, user: str = "admin", **options: Any) -> Page:
        window: dict[str, Any] = {
            "viewport": {"width": 1280, "height": 800},
            "storage_state": cookies.get(user),
        }
        context = chromium.new_context(base_url=site.url, **window | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto(path)
        if "/login/" in page.url:
            page.get_by_label("Username").fill(user)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url(f"**{path}")
            cookies[user] = context.storage_state()
        return page

    yield open_it
    for context in contexts:
        context.close()
    # What the browser says of a connection that a test has cut.
    ours = [text for text in complaints if "ERR_FAILED" not in text and not text.startswith("htmx:")]
    assert not ours, ours
