import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from windsock.django.middleware import DatabaseAway
from windsock.local import postgres
from windsock.local.postgres import Server
from windsock.local.process import spawn

ROOT = Path(__file__).parents[2]
PREPARE = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.django.settings"
django.setup()
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
settings.MIGRATION_MODULES = {config.label: None for config in apps.get_app_configs()}
call_command("migrate", run_syncdb=True, verbosity=0)
from django.contrib.auth.models import User
from django.test import Client
from windsock.django.actions import tokens
user = User.objects.create_superuser("ann", "ann@example.com", "a long password")
client = Client()
client.force_login(user)
print(client.session.session_key, tokens.issue(user))
"""
EVERYWHERE = ("/view/", "/lazy/", "/way-out/", "/api/tasks/", "/api/", "/windsock/", "/admin/")


def test_a_500_of_the_view_itself_is_left_alone(rf: RequestFactory) -> None:
    own = HttpResponse("own", status=500)
    assert DatabaseAway(lambda request: own)(rf.get("/")) is own


class Restartable:
    """A server of our own, which is stopped and started again."""

    def __init__(self, server: Server, log: Path) -> None:
        self.server, self.log = server, log
        self.accepts = server.accepts
        self._process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        pid = int((self.server.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGINT)
        if self._process:
            self._process.wait(timeout=20)

    def start(self) -> None:
        with self.log.open("ab") as output:
            self._process = spawn(self.server.command(), output)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restartable]:
    folder = tmp_path_factory.mktemp("away")
    with postgres.temporary(folder) as server:
        server.create_database("windsock")
        restartable = Restartable(server, folder / "log")
        yield restartable
        if restartable.accepts():
            restartable.stop()


@pytest.fixture(scope="module")
def environment(server: Restartable) -> dict[str, str]:
    surroundings = os.environ | {
        "CELERY_BROKER_URL": "redis+socket:///nowhere.sock",
        "PYTHONPATH": str(ROOT),
        "WINDSOCK_TEST_DATABASE": "windsock",
        "WINDSOCK_TEST_POSTGRES": str(server.server.socket_folder),
    }
    command = [sys.executable, "-W", "ignore", "-c", PREPARE]
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=True, timeout=60)
    session, token = done.stdout.split()
    return surroundings | {"SESSION": session, "TOKEN": token}


Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(environment: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Ask a process of the project that lives through the test."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.django.database_away_project"]
    surroundings = environment | getattr(request, "param", {})
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=surroundings,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "ready\n"

        def ask_it(path: str, *, mode: str = "sync", token: str = "-") -> dict[str, Any]:
            assert process.stdin
            assert process.stdout
            process.stdin.write(f"{mode} {path} {token}\n")
            process.stdin.flush()
            found: dict[str, Any] = json.loads(process.stdout.readline())
            return found

        yield ask_it
        process.stdin.close()


def test_a_database_that_is_up_is_not_noticed(ask: Ask) -> None:
    for mode in ("sync", "async"):
        assert {ask(path, mode=mode)["status"] for path in EVERYWHERE} == {200}
        assert ask("/lock/", mode=mode)["status"] == 500  # a statement that was cancelled is a bug
        assert ask("/bug/", mode=mode)["status"] == 500


def test_a_connection_lost_in_a_transaction_is_told(ask: Ask) -> None:
    for mode in ("sync", "async"):
        assert ask("/in-transaction/", mode=mode)["status"] == 503
        assert ask("/view/", mode=mode)["status"] == 200


@pytest.mark.parametrize("ask", [{}, {"BROKEN_PAGE": "1"}], indirect=True, ids=["", "broken error page"])
def test_a_stopped_database_is_503_everywhere_and_never_500(
    ask: Ask, server: Restartable, environment: dict[str, str], wait_until: Callable[..., None]
) -> None:
    ask("/view/")  # so that there is a connection to lose
    server.stop()
    wait_until(lambda: not server.accepts())
    try:
        for mode in ("sync", "async"):
            found = {path: ask(path, mode=mode) for path in EVERYWHERE}
            found |= {"bearer": ask("/api/tasks/", mode=mode, token=environment["TOKEN"])}
            assert {path: answer["status"] for path, answer in found.items()} == dict.fromkeys(found, 503)
            assert {answer["retry_after"] for answer in found.values()} == {"5"}
            assert found["/api/tasks/"]["type"] == "application/json"
            assert "detail" in json.loads(found["bearer"]["text"])
            assert "<h1>Back in a moment</h1>" in found["/windsock/"]["text"]
            assert ask("/windsock/health/", mode=mode)["status"] == 200
    finally:
        server.start()
        wait_until(server.accepts)
    for mode in ("sync", "async"):
        assert ask("/api/tasks/", mode=mode, token=environment["TOKEN"])["status"] == 200
